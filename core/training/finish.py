"""From a finished run to a model folder: calibration, novelty threshold, test answers, card."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from core.card import ModelCard, Novelty, Score, TrainingFacts
from core.checkpoints import load_classifier, save_classifier
from core.classes import CLASSES
from core.classifier import Classifier
from core.data.datasets import Dataset, read_dataset
from core.data.pack import Pack
from core.errors import InputError
from core.evaluation import answer_table, score_of
from core.models.registry import architecture
from core.novelty import FeatureSpace, fit_feature_space
from core.training.batches import ValidationBatches
from core.training.recipe import Recipe
from core.training.run import Tell, TrainedRun, precision

QUANTILE = 0.99  # of validation images that the novelty threshold accepts
FITTED_IMAGES = 1200  # training images that the feature space is fitted on
UNSEEN = (("lisc", "LISC, report half"), ("jtsc", "JTSC, report half"))
LIMITS = (
    "Not a medical device: for teaching and for auditing models, not for diagnosis.",
    "Trained on one hospital's stain and camera; on other stains expect the lower figures given for unseen stains.",
    "Knows five classes. Immature and abnormal cells are named one of the five, or called unfamiliar at best.",
)
SOURCES = (
    "PBC: Acevedo et al. 2020, doi 10.17632/snkd93bnjr, CC BY 4.0",
    "Published split: Tsutsui et al. 2023 (WBCAtt), MIT",
)


def finish(
    recipe: Recipe, trained: TrainedRun, data: Dataset, root: Path, run: Path, out: Path, tell: Tell
) -> ModelCard:
    """Calibrate the best network, measure it on the test split and unseen stains, and write the model folder `out`."""
    tell("Fitting the feature space on training images.")
    space = _feature_space(recipe, trained)
    card = _card(recipe, trained, data, run)
    save_classifier(out, card, trained.network, space)
    shutil.copyfile(run / "history.csv", out / "history.csv")
    tell("Fitting temperature and novelty threshold on the validation split.")
    answers = answer_table(load_classifier(out), data.split("val"), tell=tell)
    fitted = {
        "temperature": fit_temperature(*_logits_and_labels(answers)),
        "novelty": Novelty(threshold=float(answers["novelty"].quantile(QUANTILE)), quantile=QUANTILE),
    }
    card = save_classifier(out, card.model_copy(update=fitted), trained.network, space)
    return save_classifier(out, measured(card, out, data, root, tell), trained.network, space)


def measured(card: ModelCard, out: Path, data: Dataset, root: Path, tell: Tell) -> ModelCard:
    """Answer the test split (kept as predictions.parquet) and the unseen stains; the card with their figures."""
    classifier = load_classifier(out)
    tell(f"Answering the test split of {data.title}.")
    answers = answer_table(classifier, data.split("test"), tell=tell)
    answers.to_parquet(out / "predictions.parquet", index=False)
    test = score_of(answers, CLASSES, f"{data.title}: test")
    unseen = tuple(score for name, title in UNSEEN if (score := _unseen(classifier, name, title, root)) is not None)
    return card.model_copy(update={"test": test, "unseen": unseen})


def _logits_and_labels(answers: pd.DataFrame) -> tuple[Tensor, Tensor]:
    logits = answers[[f"logit_{name}" for name in CLASSES]].to_numpy()
    return torch.from_numpy(logits).float(), torch.tensor([CLASSES.index(label) for label in answers["label"]])


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), between 0.2 and 10."""
    log_temperature = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature], lr=0.5, max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits / log_temperature.exp(), labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(log_temperature.detach().exp().clamp(0.2, 10))


def _unseen(classifier: Classifier, name: str, title: str, root: Path) -> Score | None:
    try:
        table = read_dataset(name, root).split("report")
    except InputError:
        return None
    return score_of(answer_table(classifier, table), CLASSES, title)


def _feature_space(recipe: Recipe, trained: TrainedRun) -> FeatureSpace:
    """Fit the measure of novelty on pooled features of a sample of the training images."""
    pack = trained.train
    random = torch.Generator().manual_seed(recipe.seed)
    chosen = torch.randperm(len(pack.labels), generator=random)[:FITTED_IMAGES]
    sample = Pack(pack.images[chosen], pack.reach[chosen], pack.labels[chosen], pack.fingerprint)
    fast = torch.autocast("cpu", torch.bfloat16, enabled=precision(recipe) == "bf16-mixed")
    with torch.no_grad(), fast:
        batches = ValidationBatches(sample, recipe.stages[-1].size)
        pooled = [trained.network.features(views).float().mean(dim=(2, 3)) for views, _ in batches]
    return fit_feature_space(torch.cat(pooled), sample.labels)


def _card(recipe: Recipe, trained: TrainedRun, data: Dataset, run: Path) -> ModelCard:
    """The card as far as it stands before anything is measured."""
    kind = architecture(recipe.architecture)
    history = pd.read_csv(run / "history.csv")
    facts = TrainingFacts(
        recipe=recipe.name,
        data=f"{data.title}: train split; best epoch by its validation split",
        data_fingerprint=trained.train.fingerprint,
        images=len(trained.train.labels) - recipe.data.simulated,
        simulated_images=recipe.data.simulated,
        initial_weights=recipe.weights,
        seed=recipe.seed,
        epochs=len(history),
        seconds=round(float(history["seconds"].sum()), 1),
        precision=trained.precision,
        machine=f"{torch.get_num_threads()} threads, {platform.machine()}",
        versions={name: version(name) for name in ("torch", "torchvision", "pytorch-lightning")},
    )
    return ModelCard(
        name=recipe.architecture,
        title=kind.title,
        architecture=kind.name,
        classes=CLASSES,
        input_size=kind.input_size,
        framing=recipe.data.framing,
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        weights_mb=1.0,
        weights_sha256="0" * 64,
        published_millions=kind.published_millions,
        temperature=1.0,
        novelty=Novelty(threshold=1e9, quantile=QUANTILE),
        training=facts,
        sources=SOURCES if data.name == "pbc" else (),
        limits=LIMITS,
    )
