"""Metrics of a classifier on labelled images, from its answers: rates by class and their means, calibration, ROC, and
`figures_of`, which puts them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from core.evaluation.intervals import Area, Estimate, Frozen, Roc, area_estimate, f1_score, roc, undefined, wilson
from core.evaluation.predictions import Answers
from core.models.card import CardScore

FEWEST = 10  # images that a class needs to count in the mean recall
DRAWS = 2000
SEED = 2022
MEANS = ("precision", "sensitivity", "f1", "specificity")
BINS = 15


def confusion_matrix(labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts `(K, K)`: true class down, answer across."""
    return np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)


def card_score(data: str, labels: NDArray[np.int64], answers: NDArray[np.int64], classes: Sequence[str]) -> CardScore:
    """Accuracy and recall per class; the mean recall leaves out classes under 10 images (None if all are)."""
    counts = confusion_matrix(labels, answers, len(classes))
    totals = counts.sum(axis=1)
    recalls = counts.diagonal() / np.maximum(totals, 1)
    enough = totals >= FEWEST
    return CardScore(
        data=data,
        images=int(totals.sum()),
        accuracy=float(counts.diagonal().sum() / max(1, totals.sum())),
        mean_recall=float(recalls[enough].mean()) if enough.any() else None,
        recall={name: float(recalls[i]) for i, name in enumerate(classes) if totals[i]},
        counts={name: int(totals[i]) for i, name in enumerate(classes)},
    )


class Rates(Frozen):
    """One class against the rest: `images` of it in the data, `named` so by the model; `few` if under ten images."""

    name: str
    images: int
    named: int
    few: bool
    precision: Estimate
    sensitivity: Estimate
    f1: Estimate
    specificity: Estimate


class Means(Frozen):
    """Means over the classes of which the data hold ten images or more; `classes` is how many that are."""

    classes: int
    precision: Estimate
    sensitivity: Estimate
    f1: Estimate
    specificity: Estimate


def class_rates(counts: NDArray[np.int64], classes: Sequence[str]) -> tuple[Rates, ...]:
    """Figures of each class from the confusion counts `(K, K)`, true class down.

    A class that the data do not hold has a specificity alone; one that the model never names has no precision.
    """
    return tuple(_rates(counts, number, name) for number, name in enumerate(classes))


def _rates(counts: NDArray[np.int64], number: int, name: str) -> Rates:
    right = int(counts[number, number])
    images, named, total = int(counts[number].sum()), int(counts[:, number].sum()), int(counts.sum())
    others = total - images
    there = images > 0
    return Rates(
        name=name,
        images=images,
        named=named,
        few=images < FEWEST,
        precision=wilson(right, named) if there else undefined(),
        sensitivity=wilson(right, images),
        f1=f1_score(right, named - right, images - right) if there else undefined(),
        specificity=wilson(others - (named - right), others),
    )


def class_means(counts: NDArray[np.int64]) -> Means:
    """Means over classes of ten images or more, with a seeded bootstrap's interval (2,000 draws of the images).

    To draw images anew with replacement is to draw the counts from a multinomial distribution, so that is done.
    """
    total, enough = int(counts.sum()), counts.sum(axis=1) >= FEWEST
    if not enough.any():
        return Means(classes=0, **{name: undefined(total) for name in MEANS})
    random = np.random.default_rng(SEED)
    drawn = random.multinomial(total, counts.ravel() / total, size=DRAWS).reshape(DRAWS, *counts.shape)
    found, spread = _means(counts[None], enough), _means(drawn, enough)
    return Means(
        classes=int(enough.sum()),
        **{name: _estimate(found[name][0], spread[name], total) for name in MEANS},
    )


def _means(counts: NDArray[np.int64], enough: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Means `(B,)` of the figures of confusion counts `(B, K, K)`; a class without a figure does not count."""
    right = np.diagonal(counts, axis1=1, axis2=2).astype(np.float64)  # (B, K)
    images, named = counts.sum(axis=2), counts.sum(axis=1)
    others = counts.sum(axis=(1, 2))[:, None] - images
    tops = {
        "precision": (right, named),
        "sensitivity": (right, images),
        "f1": (2 * right, images + named),
        "specificity": (others - named + right, others),
    }
    return {name: _row_means(top[:, enough], bottom[:, enough]) for name, (top, bottom) in tops.items()}


def _row_means(top: NDArray[np.float64], bottom: NDArray[np.int64]) -> NDArray[np.float64]:
    there = bottom > 0
    parts = np.divide(top, bottom, out=np.zeros_like(top), where=there)
    counted = there.sum(axis=1)
    return np.divide(parts.sum(axis=1), counted, out=np.full(len(top), np.nan), where=counted > 0)


def _estimate(value: float, spread: NDArray[np.float64], of: int) -> Estimate:
    usable = spread[np.isfinite(spread)]
    if not np.isfinite(value) or not len(usable):
        return undefined(of)
    low, high = np.quantile(usable, (0.025, 0.975))
    return Estimate(value=float(value), low=float(low), high=float(high), of=of)


class Bin(Frozen):
    """Answers whose confidence lies in (low, high]: how many, their mean confidence, and the share that is right."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class Calibration(Frozen):
    """The expected calibration error over `bins` of equal width; None without images."""

    ece: float | None
    bins: tuple[Bin, ...]


def calibration(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> Calibration:
    """The mean over bins ((b-1)/B, b/B] of |accuracy - confidence|, weighed by images (Guo et al. 2017, eq. 3).

    A confidence of 1 belongs to the last bin.
    """
    edges = np.arange(1, bins) / bins
    places = np.digitize(confidence, edges, right=True)
    rows = tuple(_bin(number, bins, confidence[places == number], right[places == number]) for number in range(bins))
    if not len(confidence):
        return Calibration(ece=None, bins=rows)
    gaps = [
        row.images * abs(row.accuracy - row.confidence)
        for row in rows
        if row.accuracy is not None and row.confidence is not None
    ]
    return Calibration(ece=sum(gaps) / len(confidence), bins=rows)


def _bin(number: int, bins: int, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    there = len(confidence) > 0
    return Bin(
        low=number / bins,
        high=(number + 1) / bins,
        images=len(confidence),
        confidence=float(confidence.mean()) if there else None,
        accuracy=float(right.mean()) if there else None,
    )


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The temperature between 0.2 and 10 that minimises the mean negative log-likelihood (Guo et al. 2017) of logits
    `(N, K)`; of 1 / temperature the loss is convex."""
    own = logits[np.arange(len(labels)), labels].astype(np.float64)

    def loss(inverse: float) -> float:
        return float((logsumexp(logits * inverse, axis=1) - own * inverse).mean())

    return 1 / float(minimize_scalar(loss, bounds=(0.1, 5.0), method="bounded", options={"xatol": 1e-6}).x)


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
        accuracy=wilson(int(counts.trace()), len(labels)),
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
        curve, area = roc(name, log_odds(scaled, number), labels == number)
        curves.append(curve)
        areas.append(area)
    return tuple(curves), areas


def log_odds(scaled: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Log odds `(N,)` of class `number` from logits over the temperature `(N, K)`: log(p / (1 - p))."""
    if not len(scaled):
        return np.zeros(0)
    return np.asarray(scaled[:, number] - logsumexp(np.delete(scaled, number, axis=1), axis=1))


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
