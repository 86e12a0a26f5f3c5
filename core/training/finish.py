"""From a finished run to a model folder: calibration, novelty threshold, test answers, card."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from core.card import ModelCard, Novelty, Score
from core.checkpoints import load_classifier, save_classifier
from core.classes import CLASSES
from core.classifier import Classifier
from core.data.datasets import read_data
from core.data.pack import Pack
from core.errors import InputError
from core.evaluation.answers import answer_table, score_of
from core.novelty import FeatureSpace, fit_feature_space
from core.training.batches import ValidationBatches
from core.training.describe import described, set_title
from core.training.recipe import Recipe
from core.training.run import Job, TrainedRun, precision

QUANTILE = 0.99  # of validation images that the novelty threshold accepts
FITTED_IMAGES = 1200  # training images that the feature space is fitted on
UNSEEN = (("lisc", "LISC, report half"), ("jtsc", "JTSC, report half"))


def finish(job: Job, trained: TrainedRun, out: Path) -> ModelCard:
    """Calibrate the best network, measure it on the test split and unseen stains, and write the model folder `out`."""
    data, tell = job.data, job.tell
    job.directory.report(state="finishing", message="Measuring the best epoch", seconds_left=None)
    tell("Fitting the feature space on training images.")
    space = _feature_space(job.recipe, trained)
    card = described(job, trained)
    save_classifier(out, card, trained.network, space)
    shutil.copyfile(job.directory.path / "history.csv", out / "history.csv")
    tell("Fitting temperature and novelty threshold on the validation split.")
    answers = answer_table(load_classifier(out), data.split("val"), tell=tell)
    fitted = {
        "temperature": fit_temperature(*_logits_and_labels(answers, data.classes)),
        "novelty": Novelty(threshold=float(answers["novelty"].quantile(QUANTILE)), quantile=QUANTILE),
    }
    card = save_classifier(out, card.model_copy(update=fitted), trained.network, space)
    return save_classifier(out, measured(card, out, job), trained.network, space)


def measured(card: ModelCard, out: Path, job: Job) -> ModelCard:
    """Answer the test split (kept as predictions.parquet) and the unseen stains; the card with their figures.

    Unseen stains are asked where the classes are our five and the sets lie beside the data, but for those that were
    trained on; a set without a test split gives no figures.
    """
    data, place, tell = job.data, job.place, job.tell
    classifier = load_classifier(out)
    test = None
    if (data.table["split"] == "test").any():
        tell(f"Answering the test split of {data.title}.")
        answers = answer_table(classifier, data.split("test"), tell=tell)
        answers.to_parquet(out / "predictions.parquet", index=False)
        test = score_of(answers, data.classes, f"{set_title(job)}: test")
    seen = {data.name, *job.recipe.data.also}
    stains = [stain for stain in UNSEEN if stain[0] not in seen] if data.classes == CLASSES else []
    unseen = [_unseen(classifier, name, title, place) for name, title in stains if place is not None]
    return card.model_copy(update={"test": test, "unseen": tuple(score for score in unseen if score is not None)})


def _logits_and_labels(answers: pd.DataFrame, classes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    logits = answers[[f"logit_{name}" for name in classes]].to_numpy()
    return torch.tensor(logits).float(), torch.tensor([classes.index(label) for label in answers["label"]])


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
        table = read_data(root, name).split("report")
    except InputError:
        return None
    return score_of(answer_table(classifier, table), CLASSES, title)


def _feature_space(recipe: Recipe, trained: TrainedRun) -> FeatureSpace:
    """Fit the measure of novelty on pooled features of a sample of the training images."""
    pack = trained.train
    random = torch.Generator().manual_seed(recipe.seed)
    chosen = torch.randperm(len(pack.labels), generator=random)[:FITTED_IMAGES].sort().values
    sample = Pack(pack.images[chosen], pack.reach[chosen], pack.labels[chosen], pack.fingerprint)
    fast = torch.autocast("cpu", torch.bfloat16, enabled=precision(recipe) == "bf16-mixed")
    with torch.no_grad(), fast:
        batches = ValidationBatches(sample, recipe.stages[-1].size)
        pooled = [trained.network.features(views).float().mean(dim=(2, 3)) for views, _ in batches]
    return fit_feature_space(torch.cat(pooled), sample.labels)
