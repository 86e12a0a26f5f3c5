"""The differential count: how many cells of each class, their shares with 95 % intervals, how many more cells narrow an
interval to a wanted width, and Rümke's table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import binomtest

from core.errors import InputError
from core.evaluation.intervals import Estimate, Z, wilson

MOST_TO_COUNT = 10_000_000  # cells that nobody counts: beyond it there is no figure
RUMKE_CELLS = (100, 200, 500, 1000)
RUMKE_SHARES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 35, 40, 45, 50)  # %; above 50 by symmetry
NO_MAJORITY = "no majority"


@dataclass(frozen=True)
class ClassCount:
    """One class of a count: `number` of cells, their `share` with its 95 % interval (Wilson), and `to_count`: how many
    more cells make the interval as narrow as wanted, if the share stays as it is (None where that cannot be told)."""

    label: str
    number: int
    share: Estimate
    to_count: int | None


def differential(labels: Iterable[str], classes: Sequence[str], width: float) -> tuple[ClassCount, ...]:
    """Count the cells of each class: those of `classes` first, in their order, then whatever else was said.

    `labels` is one name a cell, `width` the wanted width of an interval as a share, over 0 and below 1. The intervals
    take each cell for an independent draw from the blood; cells of one photograph are not quite.
    """
    counted = Counter(labels)
    whole = sum(counted.values())
    others = sorted(set(counted) - set(classes))
    rows = []
    for label in (*classes, *others):
        number = counted[label]
        wanted = cells_for_width(number / whole, width) if whole else None
        still = None if wanted is None else max(0, wanted - whole)
        rows.append(ClassCount(label, number, wilson(number, whole), still))
    return tuple(rows)


def wilson_width(share: float, cells: float) -> float:
    """The width of Wilson's 95 % interval of a `share` (0 to 1) of `cells` (above 0; Wilson 1927, JASA 22)."""
    of_z = Z * Z / cells
    return 2 * Z * math.sqrt(share * (1 - share) / cells + Z * Z / (4 * cells * cells)) / (1 + of_z)


def cells_for_width(share: float, width: float) -> int | None:
    """The fewest cells in all with which Wilson's interval of `share` (0 to 1) is no wider than `width`.

    None beyond ten million. InputError unless `width` lies between 0 and 1.
    """
    if not 0 < width < 1:
        raise InputError("The wanted width of an interval lies between 0 and 100 percentage points.")
    if wilson_width(share, MOST_TO_COUNT) > width:
        return None
    if wilson_width(share, 1) <= width:
        return 1
    root = brentq(lambda cells: wilson_width(share, cells) - width, 1, MOST_TO_COUNT, xtol=1e-9, rtol=1e-12)
    found = max(1, math.ceil(float(root) - 1e-6))
    return found if wilson_width(share, found) <= width + 1e-12 else found + 1


@dataclass(frozen=True)
class RumkeRow:
    """A row of Rümke's table: of a share found, in whole per cent, the limits (low, high) by number of cells."""

    percent: int
    limits: tuple[tuple[int, int], ...]


def rumke_table(cells: Sequence[int] = RUMKE_CELLS, percents: Sequence[int] = RUMKE_SHARES) -> tuple[RumkeRow, ...]:
    """Between which percentages the true share lies with 95 % certainty, by what was found and how many were counted.

    The limits are those of the exact binomial interval (Clopper & Pearson 1934, Biometrika 26), in whole per cent, away
    from the share; C. L. Rümke, "Die Zählung der Leukozyten", Triangle 4 (1960) 154-158, and "The imprecision of the
    ratio of two percentages observed in differential white blood cell counts", Blood Cells 11 (1985) 137-140.
    """
    return tuple(RumkeRow(one, tuple(_rumke_limits(one, number) for number in cells)) for one in percents)


def _rumke_limits(percent: int, cells: int) -> tuple[int, int]:
    exact = binomtest(round(percent * cells / 100), cells).proportion_ci(method="exact")
    return math.floor(100 * float(exact.low) + 1e-9), math.ceil(100 * float(exact.high) - 1e-9)
