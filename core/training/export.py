"""From a finished run to a model folder: calibration, novelty threshold, test answers, and the card, first as far as it
stands before anything is measured."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from core.classes import CLASSES
from core.data.datasets import read_data
from core.data.framed_images import FramedImages
from core.data.split import SplitRecipe
from core.errors import InputError
from core.evaluation.metrics import fit_temperature
from core.evaluation.predict_set import answer_table, score_of
from core.models.card import CardScore, ModelCard, Novelty, TrainingFacts, read_card
from core.models.checkpoints import find, load_classifier, save_classifier
from core.models.classifier import Classifier
from core.models.novelty import FeatureSpace, fit_feature_space
from core.models.registry import architecture
from core.training.batches import ValidationBatches
from core.training.fit import TrainedRun, TrainingJob, trainer_precision, validation_tables
from core.training.recipe import Recipe
from core.training.run_state import BEST, read_state

NOT_MEDICAL = "Not a medical device: for teaching and for auditing models, not for diagnosis."

ONE_STAIN = (
    "Trained on one hospital's stain and camera; on other stains expect the lower figures given for unseen stains."
)

FEW_STAINS = "Trained on few stains and cameras; on others expect the lower figures given for unseen stains."
SEVERAL = (
    "Trained on {count} laboratories; on slides of others expect the figures of the models that were trained without "
    "the laboratory they are tested on."
)
WORDS = {3: "three", 4: "four", 5: "five", 6: "six"}
FIVE = "Knows five classes. Immature and abnormal cells are named one of the five, or called unfamiliar at best."

SOURCES = {
    "pbc": (
        "PBC: Acevedo et al. 2020, doi 10.17632/snkd93bnjr, CC BY 4.0",
        "Published split: Tsutsui et al. 2023 (WBCAtt), MIT",
    ),
    "kaggle": ("Kaggle Blood Cell Images (Mooney 2018), MIT; its originals are BCCD, MIT",),
    "bccd": ("BCCD, MIT",),
    "raabin": ("Raabin-WBC: Kouzehkanan et al. 2022, doi 10.1038/s41598-021-04426-x, free access for research",),
    "lisc": ("LISC: Rezatofighi & Soltanian-Zadeh 2011, re-published under MIT",),
    "jtsc": ("JTSC: Zheng et al. 2018, doi 10.1016/j.micron.2018.01.010, GPL-3.0",),
}

JUDGING = ("raabin",)  # further sets with a validation split of their own
DRAWN = {
    "size": "",
    "root": ", each drawn by the square root of its size",
    "equal": ", each drawn as often as every other",
}

QUANTILE = 0.99  # of validation images that the novelty threshold accepts
FITTED_IMAGES = 1200  # training images that the feature space is fitted on
KEPT_BACK = (  # sets, their split that no training sees, and what to call it
    ("raabin", "test", "Raabin-WBC, test by smear"),
    ("lisc", "report", "LISC, report half"),
    ("jtsc", "report", "JTSC, report half"),
)


def described(job: TrainingJob, trained: TrainedRun) -> ModelCard:
    """The card: what the network is, how it was trained, where it ends."""
    recipe = job.recipe
    kind = architecture(recipe.architecture)
    return ModelCard(
        name=kind.name if job.data.classes == CLASSES else _named(f"{kind.name}-{job.data.name}"),
        title=kind.title,
        architecture=kind.name,
        classes=job.data.classes,
        input_size=recipe.stages[-1].size,
        framing=recipe.data.framing,
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        weights_mb=1.0,
        weights_sha256="0" * 64,
        published_millions=kind.published_millions,
        temperature=1.0,
        novelty=Novelty(threshold=1e9, quantile=0.99),
        training=_facts(job, trained),
        sources=tuple(line for name in trained_on(job) for line in SOURCES.get(name, ())),
        limits=_limits(job),
    )


def trained_on(job: TrainingJob) -> tuple[str, ...]:
    """Names of the sets that the images come from."""
    names = (job.data.name, *job.recipe.data.also)
    return tuple(name for name in names if name != job.recipe.data.leave_out)


def set_title(job: TrainingJob) -> str:
    """The set's title, without the words on its own split where another one was drawn."""
    given = job.recipe.split.kind == "given" and not job.recipe.split.folds
    return job.data.title if given else job.data.title.partition(",")[0]


def _named(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower())[:64]


def split_words(split: SplitRecipe) -> str:
    """How the images were divided, in words."""
    by = " by photograph" if split.group_by == "photograph" else ""
    if split.folds:
        return f"{split.folds} folds{by}, seed {split.seed}"
    if split.kind == "random":
        strata = " within each class" if split.stratify else ""
        return f"random{strata}{by}, {split.validation:.0%} validation, {split.test:.0%} test, seed {split.seed}"
    return "the set's own"


def _facts(job: TrainingJob, trained: TrainedRun) -> TrainingFacts:
    recipe, run = job.recipe, job.directory.path
    history = pd.read_csv(run / "history.csv")
    share = recipe.trained_share
    kept = f"; in the result {share:.0%} trained and {1 - share:.0%} first weights" if share < 1 else ""
    often = f" (each image {recipe.data.also_times} times)" if recipe.data.also_times > 1 else ""
    others = [name for name in trained_on(job) if name != job.data.name]
    further = f", with {', '.join(others)}{often}{DRAWN[recipe.data.draw]}" if others else ""
    return TrainingFacts(
        recipe=recipe.name,
        data=f"{set_title(job)}: train split{further}; best epoch by the validation split{also_judged(job)}",
        data_fingerprint=trained.train.fingerprint,
        images=images_of(trained.train, recipe),
        simulated_images=recipe.data.simulated,
        initial_weights=trained.origin + kept + taught_by(recipe),
        seed=recipe.seed,
        epochs=len(history),
        seconds=round(float(history["seconds"].sum()), 1),
        precision=trained.precision,
        machine=_machine(job.devices),
        versions={name: version(name) for name in ("torch", "torchvision", "pytorch-lightning")},
        split=split_words(recipe.split),
        leak=job.leak,
        best_epoch=int(read_state(run / BEST)["epoch"]) + 1,
        skipped_images=len(trained.train.skipped),
    )


def taught_by(recipe: Recipe) -> str:
    """Whose answers were learnt from as well, in words; "" where nobody's."""
    if not recipe.teacher:
        return ""
    folder = find(recipe.teacher)
    digest = read_card(folder / "card.json").weights_sha256[:12]
    return f"; taught by {folder.name} (SHA-256 {digest}…), {recipe.teacher_share:.0%} of the loss"


def also_judged(job: TrainingJob) -> str:
    """Further sets whose validation split joins, in words."""
    names = [name for name in trained_on(job) if name in JUDGING and name != job.data.name]
    return f", and {', '.join(names)}'s, weighed alike" if names else ""


def images_of(train: FramedImages, recipe: Recipe) -> int:
    """How many real images were trained on, each counted once."""
    own = int((train.kept >= 0).sum())
    return own + (len(train.labels) - own - recipe.data.simulated) // recipe.data.also_times


def _machine(devices: int) -> str:
    if torch.cuda.is_available():
        return f"{devices} x {torch.cuda.get_device_name()}"
    together = f"{devices} processes of " if devices > 1 else ""
    threads = torch.get_num_threads()
    return f"{together}{threads} thread{'s' if threads > 1 else ''}, {platform.machine()}"


def _limits(job: TrainingJob) -> tuple[str, ...]:
    classes = job.data.classes
    known = FIVE if classes == CLASSES else f"Knows {len(classes)} classes: {', '.join(classes)}. It knows no other."
    count = len(trained_on(job))
    stains = ONE_STAIN if count == 1 else FEW_STAINS if count == 2 else SEVERAL.format(count=WORDS.get(count, count))
    limits = (NOT_MEDICAL, stains, known)
    return (*limits, f"Its test figures are too high: {job.leak}") if job.leak else limits


def finish(job: TrainingJob, trained: TrainedRun, out: Path) -> ModelCard:
    """Calibrate the best network, measure it on the test split and unseen stains, and write the model folder `out`."""
    data, tell = job.data, job.tell
    job.directory.report(state="finishing", message="Measuring the best epoch", seconds_left=None)
    tell("Fitting the feature space on training images.")
    space = _feature_space(job.recipe, trained)
    card = described(job, trained)
    save_classifier(out, card, trained.network, space)
    shutil.copyfile(job.directory.path / "history.csv", out / "history.csv")
    tell("Fitting temperature and novelty threshold on the validation split.")
    classifier = load_classifier(out)
    parts = [answer_table(classifier, table, tell=tell) for table in validation_tables(job)]
    fitted = {
        "temperature": fit_temperature(*_logits_and_labels(_as_often(parts), data.classes)),
        "novelty": Novelty(
            threshold=max(float(part["novelty"].quantile(QUANTILE)) for part in parts), quantile=QUANTILE
        ),
    }
    card = save_classifier(out, card.model_copy(update=fitted), trained.network, space)
    return save_classifier(out, with_test_scores(card, out, job), trained.network, space)


def _as_often(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The answers of all laboratories, each laboratory's as often as another's, up to rounding."""
    most = max(len(part) for part in parts)
    return pd.concat([part for part in parts for _ in range(round(most / len(part)))])


def with_test_scores(card: ModelCard, out: Path, job: TrainingJob) -> ModelCard:
    """Answer the images that no training saw (the test split's answers are kept as predictions.parquet).

    The test split is the set's own, or all images of the laboratory that was left out. Cells kept back of further
    laboratories are asked where the classes are our five and the sets lie beside the data: as `held_back` where the
    rest of them was trained on, as `unseen` where not. A set without such a split gives no figures.
    """
    data, tell, left = job.data, job.tell, job.recipe.data.leave_out
    classifier = load_classifier(out)
    test = None
    table, title = _tested(job)
    if len(table):
        tell(f"Answering {title}.")
        answers = answer_table(classifier, table, tell=tell)
        answers.to_parquet(out / "predictions.parquet", index=False)
        test = score_of(answers, data.classes, title)
    seen = {data.name, *job.recipe.data.also} - {left}
    asked = [part for part in KEPT_BACK if part[0] not in (data.name, left)] if data.classes == CLASSES else []
    scores = {part: _kept_back(classifier, part, job.place) for part in asked}
    found = {part: score for part, score in scores.items() if score is not None}
    held = tuple(score for part, score in found.items() if part[0] in seen)
    unseen = tuple(score for part, score in found.items() if part[0] not in seen)
    return card.model_copy(update={"test": test, "unseen": unseen, "held_back": held})


def _tested(job: TrainingJob) -> tuple[pd.DataFrame, str]:
    """The images that the model is tested on, maybe none, and what to call them."""
    left, table = job.recipe.data.leave_out, job.data.table
    if not left:
        return table[table["split"] == "test"], f"{set_title(job)}: test"
    if left == job.data.name:
        return table, f"{set_title(job)}: left out of training"
    if job.place is None:
        return table[:0], left
    data = read_data(job.place, left)
    return data.table[data.table["label"].isin(job.data.classes)], f"{data.title}: left out of training"


def _logits_and_labels(
    answers: pd.DataFrame, classes: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    logits = answers[[f"logit_{name}" for name in classes]].to_numpy(dtype=np.float64)
    return logits, np.array([classes.index(label) for label in answers["label"]], dtype=np.int64)


def _kept_back(classifier: Classifier, part: tuple[str, str, str], root: Path | None) -> CardScore | None:
    """The figures on a part of KEPT_BACK below `root`; None where it is not there."""
    name, split, title = part
    try:
        table = None if root is None else read_data(root, name).split(split)
    except InputError:
        return None
    return None if table is None else score_of(answer_table(classifier, table), CLASSES, title)


def _feature_space(recipe: Recipe, trained: TrainedRun) -> FeatureSpace:
    """Fit the measure of novelty on pooled features of a sample of the training images."""
    framed = trained.train
    random = torch.Generator().manual_seed(recipe.seed)
    chosen = torch.randperm(len(framed.labels), generator=random)[:FITTED_IMAGES].sort().values
    sample = FramedImages(framed.images[chosen], framed.reach[chosen], framed.labels[chosen], framed.fingerprint)
    fast = torch.autocast("cpu", torch.bfloat16, enabled=trainer_precision(recipe) == "bf16-mixed")
    with torch.no_grad(), fast:
        batches = ValidationBatches(sample, recipe.stages[-1].size)
        pooled = [trained.network.features(views).float().mean(dim=(2, 3)) for views, _, _ in batches]
    return fit_feature_space(torch.cat(pooled), sample.labels)
