"""A run of cells to name: which is next, what was said, and the queue in which a missed cell comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.classes import CLASSES
from core.errors import InputError
from core.simulation.gallery import GalleryCell

GAP = 4  # other cells before a missed one comes back, where so many are left
FIRST_PRACTICE_SEED = 1 << 39  # below those of `samples`; gallery and training draw far lower
MOST_CELLS_OF_RUN = 100
MOST_RUNS = 1 << 28


@dataclass(frozen=True)
class GivenAnswer:
    """What was said of a cell: its place in the run, the class named, and whether it was seen for the first time."""

    place: int
    named: str
    first: bool


@dataclass(frozen=True)
class PracticeRun:
    """Cells in their order: `truths` their classes, `waiting` the places still to come, `given` what was said.

    No claim is made that the gap helps anyone to learn: it only keeps a missed cell from being answered by echo.
    """

    truths: tuple[str, ...]
    waiting: tuple[int, ...]
    given: tuple[GivenAnswer, ...] = ()

    @property
    def now(self) -> int | None:
        """The place of the cell to name; None where the run is over."""
        return self.waiting[0] if self.waiting else None

    @property
    def missed(self) -> int:
        """How many of those that wait were named wrong before."""
        seen = {answer.place for answer in self.given}
        return sum(place in seen for place in self.waiting)

    def answered(self, named: str) -> PracticeRun:
        """The run after its cell was named: right, and it is done with; wrong, and it comes back after `GAP` others.

        Raises InputError where the run is over.
        """
        place = self.now
        if place is None:
            raise InputError("This run is over; begin a new one.")
        rest = self.waiting[1:]
        if named != self.truths[place]:
            rest = (*rest[:GAP], place, *rest[GAP:])
        first = all(answer.place != place for answer in self.given)
        return replace(self, waiting=rest, given=(*self.given, GivenAnswer(place, named, first)))

    def skipped(self) -> PracticeRun:
        """The run without the cell to name: nothing is counted."""
        return replace(self, waiting=self.waiting[1:])


def begin_practice(truths: tuple[str, ...]) -> PracticeRun:
    """A run over cells of these classes, in this order; InputError for none, too many, or a foreign class."""
    if not 1 <= len(truths) <= MOST_CELLS_OF_RUN:
        raise InputError(f"A run has from 1 to {MOST_CELLS_OF_RUN} cells; these are {len(truths)}.")
    strange = next((name for name in truths if name not in CLASSES), None)
    if strange is not None:
        raise InputError(f"'{strange}' is not one of the five classes; leave such cells out.")
    return PracticeRun(truths, tuple(range(len(truths))))


def practice_cells(run_seed: int, count: int) -> tuple[GalleryCell, ...]:
    """`count` simulated cells for a run; the same cells for the same `run_seed`.

    Each class is drawn by itself, all alike: what came before tells nothing of what comes next. InputError for a seed
    outside 0 to 2^28 - 1 or a count outside 1 to 100.
    """
    if not 0 <= run_seed < MOST_RUNS:
        raise InputError(f"The seed is {run_seed}; give a whole number from 0 to {MOST_RUNS - 1}.")
    if not 1 <= count <= MOST_CELLS_OF_RUN:
        raise InputError(f"{count} cells were asked for; give a number from 1 to {MOST_CELLS_OF_RUN}.")
    random = np.random.default_rng([FIRST_PRACTICE_SEED, run_seed])
    first = FIRST_PRACTICE_SEED + run_seed * MOST_CELLS_OF_RUN
    return tuple(
        GalleryCell(f"practice-{number}", CLASSES[int(random.integers(len(CLASSES)))], first + number)
        for number in range(count)
    )
