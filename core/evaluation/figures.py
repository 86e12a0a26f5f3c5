"""Everything that is said of a classifier's answers to labelled images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from core.evaluation.calibration import Calibration, calibration
from core.evaluation.estimate import Estimate, Frozen, share, undefined
from core.evaluation.rates import Means, Rates, class_means, class_rates
from core.evaluation.roc import Area, Roc, area_estimate, roc
from core.evaluation.stored import Answers
from core.metrics import FEWEST, confusion_matrix


class Figures(Frozen):
    """Figures on one set of `images`; `confusion` counts true classes down and answers across, `confusion_rates` the
    same as shares of each true class (None where the data hold none). `notes` are sentences that belong beside them.
    """

    data: str
    images: int
    classes: tuple[str, ...]
    accuracy: Estimate
    per_class: tuple[Rates, ...]
    macro: Means
    confusion: tuple[tuple[int, ...], ...]
    confusion_rates: tuple[tuple[float | None, ...], ...]
    roc: tuple[Roc, ...]
    macro_auc: Estimate
    calibration: Calibration
    notes: tuple[str, ...] = ()

    def rates(self, name: str) -> Rates:
        """Figures of one class."""
        return next(row for row in self.per_class if row.name == name)


def figures_of(answers: Answers, data: str, temperature: float = 1.0) -> Figures:
    """All figures of `answers`; probabilities are softmax(logits / temperature), as the model gives them."""
    classes, labels = answers.classes, answers.labels
    counts = confusion_matrix(labels, answers.predicted, len(classes))
    scaled = answers.logits / temperature
    curves, areas = _curves(scaled, labels, classes)
    confidence = answers.probabilities(temperature).max(axis=1, initial=0.0)
    return Figures(
        data=data,
        images=len(labels),
        classes=classes,
        accuracy=share(int(counts.trace()), len(labels)),
        per_class=class_rates(counts, classes),
        macro=class_means(counts),
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        confusion_rates=tuple(_row_shares(row) for row in counts),
        roc=curves,
        macro_auc=_macro_area(areas, counts),
        calibration=calibration(confidence, answers.predicted == labels),
        notes=(*answers.notes, *_remarks(counts, classes)),
    )


def _curves(
    scaled: NDArray[np.float64], labels: NDArray[np.int64], classes: tuple[str, ...]
) -> tuple[tuple[Roc, ...], list[Area | None]]:
    """Curves of every class, ranked by log odds: they rise with the probability and do not run into 1."""
    curves, areas = [], []
    for number, name in enumerate(classes):
        rest = np.delete(scaled, number, axis=1)
        odds = scaled[:, number] - logsumexp(rest, axis=1) if len(scaled) else np.zeros(0)
        curve, area = roc(name, odds, labels == number)
        curves.append(curve)
        areas.append(area)
    return tuple(curves), areas


def _macro_area(areas: list[Area | None], counts: NDArray[np.int64]) -> Estimate:
    """The mean area of the classes of ten images or more; its error adds up each image's parts in all of them."""
    enough = counts.sum(axis=1) >= FEWEST
    found = [area for area, counted in zip(areas, enough, strict=True) if area is not None and counted]
    total = int(counts.sum())
    if not found:
        return undefined(total)
    value = float(np.mean([area.value for area in found]))
    parts = np.mean([area.parts for area in found], axis=0)
    return area_estimate(Area(value, parts), total, int(counts.sum(axis=1)[enough].min()))


def _row_shares(row: NDArray[np.int64]) -> tuple[float | None, ...]:
    total = int(row.sum())
    return tuple(int(count) / total if total else None for count in row)


def _remarks(counts: NDArray[np.int64], classes: tuple[str, ...]) -> list[str]:
    """Sentences on classes that have no figures, or figures of few images."""
    images, named = counts.sum(axis=1), counts.sum(axis=0)
    absent = [name for name, count in zip(classes, images, strict=True) if not count]
    few = [f"{name} ({count})" for name, count in zip(classes, images, strict=True) if 0 < count < FEWEST]
    never = [name for name, count, called in zip(classes, images, named, strict=True) if count and not called]
    told = []
    if absent and len(absent) < len(classes):
        told.append(f"The data hold no {_listed(absent)}: sensitivity, precision, F1 and AUC cannot be told there.")
    if few:
        told.append(f"Under {FEWEST} images, and so left out of the means: {_listed(few)}.")
    if never:
        told.append(f"Never named by the model, and so without a precision: {_listed(never)}.")
    return told


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
