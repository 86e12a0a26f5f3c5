"""What the folds of a cross-validation come to."""

from __future__ import annotations

import statistics
from typing import Any

from core.card import ModelCard

FOLDS = "folds.json"


def summary(cards: list[ModelCard]) -> dict[str, Any]:
    """Scores of every fold's test images, their mean and standard deviation (n - 1)."""
    folds = [card.test.model_dump(mode="json") for card in cards if card.test is not None]
    figures: dict[str, dict[str, float]] = {}
    for name in ("accuracy", "mean_recall"):
        values = [fold[name] for fold in folds if fold[name] is not None]
        if len(values) > 1:
            figures[name] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    for label in cards[0].classes if cards else ():
        values = [fold["recall"][label] for fold in folds if label in fold["recall"]]
        if len(values) > 1:
            figures[f"recall {label}"] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    return {"figures": figures, "folds": folds, "leak": next((c.training.leak for c in cards if c.training), None)}


def table(document: dict[str, Any]) -> list[str]:
    """The summary as lines of a table."""
    lines = [f"{'fold':<22}{'accuracy':>10}{'mean recall':>13}{'images':>9}"]
    for number, fold in enumerate(document["folds"], start=1):
        recall = "-" if fold["mean_recall"] is None else f"{fold['mean_recall']:.2%}"
        lines.append(f"{number:<22}{fold['accuracy']:>10.2%}{recall:>13}{fold['images']:>9,}")
    for name, figure in document["figures"].items():
        lines.append(f"{name:<22}{figure['mean']:>10.2%} ± {figure['deviation']:.2%}")
    return lines
