"""How close an estimate is to the limit it tends to, and after how much work ours is as close as the other side's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.explanation.estimator import Estimator

LOUD = 0.01  # of the largest class's: a class whose reference adds up to less says nothing, its ranks are noise
GROWTH = 1.1

Values = Callable[[Estimator], NDArray[np.floating]]


def fidelity(values: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mean Spearman correlation of maps `(K, ...)` with their references, over the classes that say anything."""
    totals = np.abs(reference).reshape(len(reference), -1).sum(axis=1)
    loud = np.flatnonzero(totals >= LOUD * totals.max())
    return float(np.mean([spearmanr(values[k].ravel(), reference[k].ravel()).statistic for k in loud]))


def first_as_faithful(
    estimators: Sequence[Estimator], values: Values, reference: NDArray[np.floating], wanted: float, most: int
) -> tuple[int, float] | None:
    """The least budget at which the median of the estimators' fidelities is `wanted`, and that median.

    Budgets grow by a tenth, from the one that the estimators were made with; each goes on from the last. None where
    `most` is not enough.
    """
    for budget in takewhile(lambda n: n <= most, _budgets(estimators[0].budget)):
        found = float(np.median([fidelity(values(_carried_on(one, budget)), reference) for one in estimators]))
        if found >= wanted:
            return budget, found
    return None


def _budgets(first: int) -> Iterator[int]:
    budget = first
    while True:
        yield budget
        budget = max(budget + 1, int(budget * GROWTH))


def _carried_on(estimator: Estimator, budget: int) -> Estimator:
    estimator.budget = budget
    while not estimator.done:
        estimator.advance()
    return estimator


def told(wanted: float, theirs: int, found: tuple[int, float] | None, rest: str) -> str:
    """The sentence of a row."""
    ours = f"{found[1]:.3f} at {found[0]} of ours" if found else "NOT reached by ours"
    return f"rank correlation {wanted:.3f} at {theirs} of upstream's, {ours}; {rest}"
