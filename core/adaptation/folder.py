"""The model folder of a fitted model: its card says whose network it was, and what the fit brought."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from core.adaptation.adapt import Adaptation
from core.models.card import FitFacts, ModelCard, Novelty
from core.models.checkpoints import save_classifier
from core.models.classifier import Classifier

FAMILIAR = 0.99  # of the laboratory's own pictures that the fitted model calls familiar
LONGEST_NAME = 40  # letters of the laboratory's


def save_adapted(folder: Path, classifier: Classifier, adaptation: Adaptation, laboratory: str, seed: int) -> ModelCard:
    """Write the model folder `folder` and return its card. `laboratory` is how the images' place is called."""
    card = adapted_card(classifier.card, adaptation, laboratory, seed)
    return save_classifier(folder, card, adaptation.network, classifier.feature_space)


def adapted_card(base: ModelCard, adaptation: Adaptation, laboratory: str, seed: int) -> ModelCard:
    """The base's card without the figures that are its alone, and with what the fit was and brought."""
    place = "".join(letter for letter in laboratory if letter.isprintable())[:LONGEST_NAME] or "own cells"
    count = sum(adaptation.labelled.values())
    changed = {
        "name": adapted_name(base.name, place),
        "title": f"{base.title[:30]}, fitted to {place}",
        "temperature": adaptation.temperature,
        "novelty": _novelty(base.novelty, adaptation.distances),
        "bfloat16": {} if adaptation.choice.statistics else base.bfloat16,
        "test": None,
        "unseen": (),
        "held_back": (),
        "left_out": (),
        "fitted": _facts(base, adaptation, place, seed),
        "limits": (*base.limits, f"Fitted to {count} cells of one laboratory: meant for its slides alone."),
    }
    return ModelCard.model_validate({**base.model_dump(), **changed})


def adapted_name(model: str, laboratory: str) -> str:
    """What the fitted model's folder is called, before it is made one of a kind."""
    own = re.sub(r"[^a-z0-9_.-]+", "-", laboratory.lower()).strip("-._") or "own"
    return f"{model[:30]}-{own[:24]}"


def _novelty(base: Novelty | None, distances: tuple[float, ...]) -> Novelty | None:
    """The laboratory's own cells are what the model is for: its threshold rises to where they are familiar."""
    if base is None or not distances:
        return base
    own = float(np.quantile(distances, FAMILIAR))
    return Novelty(threshold=max(base.threshold, own), quantile=base.quantile)


def _facts(base: ModelCard, adaptation: Adaptation, laboratory: str, seed: int) -> FitFacts:
    return FitFacts(
        base=base.name,
        base_sha256=base.weights_sha256,
        laboratory=laboratory,
        labelled=adaptation.labelled,
        unlabelled=adaptation.unlabelled,
        batch_statistics=adaptation.choice.statistics,
        penalty=adaptation.choice.penalty,
        folds=adaptation.folds,
        seed=seed,
        recall_before=adaptation.before.mean_recall,
        recall_after=adaptation.after.mean_recall,
        gain=(adaptation.gain.value, adaptation.gain.low, adaptation.gain.high),
    )
