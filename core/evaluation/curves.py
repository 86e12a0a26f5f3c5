"""Curves of a class against the rest, beside the ROC curve: precision against recall with its area; and fewer points of
a line where nobody sees the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from skimage.measure import approximate_polygon

from core.evaluation.intervals import Estimate, Z, undefined

MOST_POINTS = 400  # of a line: more than its pixels tell nothing
FINEST = 1e-4  # of a line's extent: how far a thinned line may lie beside the whole one, at first


@dataclass(frozen=True)
class PrecisionRecall:
    """A class against the rest: recall `(P,)`, rising, and precision `(P,)` at every score that occurs; the average
    precision with its interval. Empty and undefined where there is none of the class.
    """

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    average: Estimate


def precision_recall(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> PrecisionRecall:
    """The curve of `scores` `(N,)` for `positive` `(N,)`; equal scores are one point of it.

    The area is the average precision, each step's precision weighed by the recall it adds (no straight lines between
    points: Davis & Goadrich 2006). Interval: logit scale, over the images of the class (Boyd et al. 2013).
    """
    members = int(positive.sum())
    if not members:
        return PrecisionRecall((), (), undefined(len(scores)))
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each run of equal scores
    found = np.cumsum(positive[order])[last]
    recall, precision = found / members, found / (last + 1)
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    return PrecisionRecall(tuple(recall.tolist()), tuple(precision.tolist()), _average(area, members))


def _average(area: float, members: int) -> Estimate:
    """No ends where the area is 0, or less than one image of the class away from 1: the logit tells nothing there."""
    if area <= 0 or members * (1 - area) < 1:
        return Estimate(value=min(1.0, area), low=None, high=None, of=members)
    reach = Z / math.sqrt(members * area * (1 - area))
    low, high = (float(expit(logit(area) + side * reach)) for side in (-1, 1))
    return Estimate(value=area, low=low, high=high, of=members)


def thinned(x: Sequence[float], y: Sequence[float], most: int = MOST_POINTS) -> list[int]:
    """Indices of the points to draw, in order: all, or those that keep the line's shape (Douglas & Peucker 1973).

    The first and the last stay. The tolerance begins at FINEST of the line's extent and doubles until at most `most`
    are left.
    """
    if len(x) <= most:
        return list(range(len(x)))
    points = np.column_stack([_unit(x), _unit(y)])
    tolerance = FINEST
    while True:
        kept = _places(points, approximate_polygon(points, tolerance))
        if len(kept) <= most:
            return kept
        tolerance *= 2


def _unit(values: Sequence[float]) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    extent = float(found.max() - found.min())
    return (found - found.min()) / extent if extent else np.zeros_like(found)


def _places(points: NDArray[np.float64], kept: NDArray[np.float64]) -> list[int]:
    """Where the points `kept` `(k, 2)` stand among `points` `(n, 2)`, in the same order."""
    places, at = [], 0
    for point in kept:
        while (points[at] != point).any():
            at += 1
        places.append(at)
        at += 1
    return places
