"""Precision, sensitivity, F1 and specificity of each class, and their means over the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.evaluation.estimate import Estimate, Frozen, f1_score, share, undefined
from core.metrics import FEWEST

DRAWS = 2000
SEED = 2022
MEANS = ("precision", "sensitivity", "f1", "specificity")


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
        precision=share(right, named) if there else undefined(),
        sensitivity=share(right, images),
        f1=f1_score(right, named - right, images - right) if there else undefined(),
        specificity=share(others - (named - right), others),
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
