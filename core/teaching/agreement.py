"""How far people agree: Fleiss' kappa and Krippendorff's alpha among many, Cohen's kappa between two, each with a
bootstrap interval over cells. Votes may be missing: they stand as `MISSING`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from core.evaluation.agreement import SILENT, alpha_value, kappa_value
from core.evaluation.metrics import confusion_matrix

MISSING = SILENT
DRAWS = 1000
SEED = 2022
Votes = NDArray[np.int64]
"""`(people, cells)`: each vote's class as a number from 0 up, or MISSING."""


class Coefficient(BaseModel):
    """A coefficient of agreement, at most 1, with its 95 % interval; all None where it is not defined.

    `of` is the number of cells that it rests on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: float | None
    low: float | None = None
    high: float | None = None
    of: int = 0


def vote_counts(votes: Votes, classes: int) -> NDArray[np.int64]:
    """How often each class was voted for, `(cells, classes)`."""
    return np.stack([(votes == number).sum(axis=0) for number in range(classes)], axis=1)


def multi_kappa(counts: NDArray[np.int64]) -> float | None:
    """Fleiss' kappa of counts `(cells, classes)` (Fleiss 1971, Psychological Bulletin 76, eq. 7).

    Cells of fewer than two votes are left out. Where cells have unequal numbers of votes, each cell's agreement uses
    its own number and all cells weigh the same. None without such cells, or where only one class was ever voted for.
    """
    used = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(used):
        return None
    number = used.sum(axis=1)
    observed = float((((used**2).sum(axis=1) - number) / (number * (number - 1))).mean())
    expected = float(((used.sum(axis=0) / used.sum()) ** 2).sum())
    return None if expected == 1 else (observed - expected) / (1 - expected)


def nominal_alpha(counts: NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha for classes without order, from counts `(cells, classes)`; votes may be missing.

    None without a cell of two votes, or where only one class was ever voted for.
    """
    return _defined(alpha_value(counts))


def pair_kappa(first: Votes, second: Votes) -> float | None:
    """Cohen's kappa of two lists of classes (Cohen 1960); pairs with one MISSING are left out.

    None without a pair, or where chance alone would agree always.
    """
    there = (first != MISSING) & (second != MISSING)
    one, other = first[there], second[there]
    classes = int(max(one.max(initial=0), other.max(initial=0))) + 1
    return _defined(kappa_value(confusion_matrix(one, other, classes)))


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def over_cells(
    statistic: Callable[[NDArray[np.int64]], float | None], cells: int, draws: int = DRAWS, seed: int = SEED
) -> Coefficient:
    """A statistic of cells, with the 95 % percentile interval of drawing whole cells anew.

    `statistic` takes cells' places, some more than once; draws for which it is not defined do not count. No interval
    for fewer than two cells, or where fewer than half of the draws are defined.
    """
    value = statistic(np.arange(cells)) if cells else None
    if value is None or cells < 2:
        return Coefficient(value=value, of=cells)
    random = np.random.default_rng(seed)
    drawn = [statistic(random.integers(0, cells, cells)) for _ in range(draws)]
    found = [one for one in drawn if one is not None]
    if 2 * len(found) < draws:
        return Coefficient(value=value, of=cells)
    low, high = np.percentile(found, [2.5, 97.5])
    return Coefficient(value=value, low=float(low), high=float(high), of=cells)
