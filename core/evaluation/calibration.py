"""Whether a model is right as often as it is sure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.evaluation.estimate import Frozen

BINS = 15


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
