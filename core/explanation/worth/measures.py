"""Figures about one map, or about the likeness of two: pure functions of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from skimage.metrics import structural_similarity

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


def positive_share(values: Map, inside: Mask) -> float | None:
    """Share of the map's positive part that lies in `inside`, both `(S, S)`; None without positive evidence."""
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum()
    return float(positive[inside].sum() / total) if total > 0 else None


def pointing(values: Map, inside: Mask) -> float | None:
    """Whether the map's maximum lies in `inside`: 1 or 0, or its share where several pixels have it."""
    if values.max() <= 0:
        return None
    return float(inside[values == values.max()].mean())


def gini(values: Map) -> float | None:
    """Gini index of the absolute values, 0 (all equal) to nearly 1 (one holds all); None where all are zero.

    `1 - 2 * sum_k v_k / sum(v) * (d - k + 1/2) / d` over the sorted absolute values v_1 <= ... <= v_d (Hurley &
    Rickard 2009, as Chalasani et al. 2020 use it).
    """
    ascending = np.sort(np.abs(values, dtype=np.float64), axis=None)
    total, count = ascending.sum(), ascending.size
    if total <= 0:
        return None
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    return float(1 - 2 * (ascending / total * weights).sum())


def spearman(one: Map, other: Map) -> float | None:
    """Rank correlation of two maps of one shape, ties given their mean rank; None where one of them is constant."""
    return rank_correlation(ranks(one), ranks(other))


def ranks(values: Map) -> NDArray[np.float64]:
    """The pixels' ranks, flat, less their mean."""
    ranked = np.asarray(rankdata(values, axis=None), dtype=np.float64)
    return ranked - ranked.mean()


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Correlation of two `ranks`; None where one of them is constant."""
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else None


def structural_likeness(one: Map, other: Map) -> float | None:
    """SSIM (Wang et al. 2004) of two maps, each divided by its largest absolute value; None where one is all zero."""
    tops = float(np.abs(one).max()), float(np.abs(other).max())
    if min(tops) <= 0:
        return None
    signed = min(float(one.min()), float(other.min())) < 0
    return float(structural_similarity(one / tops[0], other / tops[1], data_range=2.0 if signed else 1.0))
