"""From a finished run to a model folder: calibration, novelty threshold, test answers, card."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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
from core.models.staged import StagedNetwork
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
    tell("Fitting temperature and novelty threshold on the validation set.")
    size = recipe.stages[-1].size
    train_features, train_labels, _ = _outputs(trained.network, _sample(trained.train, recipe.seed), size, recipe)
    features, labels, logits = _outputs(trained.network, trained.validation, size, recipe)
    space = fit_feature_space(train_features, train_labels)
    threshold = float(torch.quantile(space.distance(features), QUANTILE))
    card = _card(
        recipe, trained, data, run, fit_temperature(logits, labels), Novelty(threshold=threshold, quantile=QUANTILE)
    )
    save_classifier(out, card, trained.network, space)
    shutil.copyfile(run / "history.csv", out / "history.csv")
    return measure(out, data, root, trained.network, card, space, tell)


def measure(
    out: Path, data: Dataset, root: Path, network: StagedNetwork, card: ModelCard, space: FeatureSpace, tell: Tell
) -> ModelCard:
    """Answer the test split (kept as predictions.parquet) and the unseen stains, and complete the card."""
    classifier = load_classifier(out)
    tell(f"Answering the test split of {data.title}.")
    answers = answer_table(classifier, data.split("test"), tell=tell)
    answers.to_parquet(out / "predictions.parquet", index=False)
    unseen = tuple(score for name, title in UNSEEN if (score := _unseen(classifier, name, title, root)) is not None)
    test = score_of(answers, CLASSES, f"{data.title}: test split")
    return save_classifier(out, card.model_copy(update={"test": test, "unseen": unseen}), network, space)


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


def _sample(pack: Pack, seed: int) -> Pack:
    chosen = torch.randperm(len(pack.labels), generator=torch.Generator().manual_seed(seed))[:FITTED_IMAGES]
    return Pack(pack.images[chosen], pack.reach[chosen], pack.labels[chosen], pack.fingerprint)


def _outputs(network: StagedNetwork, pack: Pack, size: int, recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """Pooled features `(N, C)`, labels `(N,)` and logits `(N, K)` of packed images."""
    features, logits = [], []
    with torch.no_grad(), _fast(recipe):
        for views, _ in ValidationBatches(pack, size):
            activations = network.features(views)
            features.append(activations.float().mean(dim=(2, 3)))
            logits.append(network.head(activations).float())
    return torch.cat(features), pack.labels, torch.cat(logits)


@contextmanager
def _fast(recipe: Recipe) -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision(recipe) == "bf16-mixed"):
        yield


def _card(
    recipe: Recipe, trained: TrainedRun, data: Dataset, run: Path, temperature: float, novelty: Novelty
) -> ModelCard:
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
        temperature=temperature,
        novelty=novelty,
        training=facts,
        sources=SOURCES if data.name == "pbc" else (),
        limits=LIMITS,
    )
