"""One's own figures of practice: counts of true class by answer, beside the models' on the same cells, as a small JSON
text that comes back from a browser or a file and is hostile until it is checked."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from core.classes import CLASSES
from core.errors import InputError
from core.evaluation.intervals import Estimate, wilson
from core.settings import Settings, faults

LARGEST_TEXT = 512 * 1024  # bytes of a kept text
MOST_PARTS = 16  # browsers whose figures one record holds
MOST_COUNTED = 1_000_000
MOST_MODELS_KEPT = 32

Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Row = tuple[Count, Count, Count, Count, Count]
Matrix = tuple[Row, Row, Row, Row, Row]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}$")]
BrowserName = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
EMPTY_ROW: Row = (0, 0, 0, 0, 0)
EMPTY_MATRIX: Matrix = (EMPTY_ROW, EMPTY_ROW, EMPTY_ROW, EMPTY_ROW, EMPTY_ROW)


class Tally(Settings):
    """Counts over first looks, true classes down and answers across: `own`, and by model `models` on the same cells.

    `returned` counts how often a missed cell came back, `recovered` how often it was then named right.
    """

    own: Matrix = EMPTY_MATRIX
    models: Annotated[dict[ModelName, Matrix], Field(max_length=MOST_MODELS_KEPT)] = Field(default_factory=dict)
    returned: Count = 0
    recovered: Count = 0

    def counted(self, true: str, named: str, first: bool) -> Tally:
        """With one more answer of one's own; what is not a `first` look counts as returned alone."""
        if first:
            return self.model_copy(update={"own": one_more(self.own, true, named)})
        right = min(MOST_COUNTED, self.recovered + (true == named))
        return self.model_copy(update={"returned": min(MOST_COUNTED, self.returned + 1), "recovered": right})

    def with_model(self, model: str, true: str, named: str) -> Tally:
        """With one more answer of a model; a class that is not of the five, and a model too many, are left out."""
        if named not in CLASSES or (model not in self.models and len(self.models) >= MOST_MODELS_KEPT):
            return self
        found = one_more(self.models.get(model, EMPTY_MATRIX), true, named)
        return self.model_copy(update={"models": {**self.models, model: found}})

    def plus(self, other: Tally) -> Tally:
        """Both together; models beyond the limit are left out."""
        return self._with(other, np.add)

    def furthest(self, other: Tally) -> Tally:
        """The larger of each two counts: of two states of one tally, which only grows, the later one."""
        return self._with(other, np.maximum)

    def _with(self, other: Tally, act: np.ufunc) -> Tally:
        names = list(dict.fromkeys([*self.models, *other.models]))[:MOST_MODELS_KEPT]
        mine, theirs = self.models, other.models
        return Tally(
            own=_merged(self.own, other.own, act),
            models={name: _merged(mine.get(name, EMPTY_MATRIX), theirs.get(name, EMPTY_MATRIX), act) for name in names},
            returned=min(MOST_COUNTED, int(act(self.returned, other.returned))),
            recovered=min(MOST_COUNTED, int(act(self.recovered, other.recovered))),
        )


class PracticePart(Settings):
    """What one browser counted: a tally of simulated cells, one of photographs, never mixed."""

    simulated: Tally = Tally()
    photographs: Tally = Tally()


class PracticeProgress(Settings):
    """All that is kept of practice: by the browser that counted it, so that the same file joined twice counts once.

    `here` names this browser, by chance: it tells browsers apart, and nobody.
    """

    format: Annotated[int, Field(ge=2, le=2)] = 2
    here: BrowserName = Field(default_factory=lambda: secrets.token_hex(8))
    parts: Annotated[dict[BrowserName, PracticePart], Field(max_length=MOST_PARTS)] = Field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever counted."""
        return all(part == PracticePart() for part in self.parts.values())

    @property
    def simulated(self) -> Tally:
        """The tally of simulated cells, of all browsers."""
        return self._together([part.simulated for part in self.parts.values()])

    @property
    def photographs(self) -> Tally:
        """The tally of photographs, of all browsers."""
        return self._together([part.photographs for part in self.parts.values()])

    @staticmethod
    def _together(tallies: Sequence[Tally]) -> Tally:
        return functools.reduce(Tally.plus, tallies, Tally())

    def with_change(self, simulated: bool, change: Callable[[Tally], Tally]) -> PracticeProgress:
        """With a `change` to what this browser counted of simulated cells, or of photographs."""
        part = self.parts.get(self.here, PracticePart())
        name = "simulated" if simulated else "photographs"
        new = part.model_copy(update={name: change(getattr(part, name))})
        return self.model_copy(update={"parts": {**self.parts, self.here: new}})

    def joined_with(self, other: PracticeProgress) -> PracticeProgress:
        """With what another record knows: of a browser that both know, what was counted furthest.

        InputError where that makes more browsers than a record holds.
        """
        parts = dict(self.parts)
        for name, part in other.parts.items():
            own = parts.get(name, PracticePart())
            parts[name] = PracticePart(
                simulated=own.simulated.furthest(part.simulated), photographs=own.photographs.furthest(part.photographs)
            )
        if len(parts) > MOST_PARTS:
            raise InputError(f"A record holds the figures of {MOST_PARTS} browsers at most; this would make more.")
        return PracticeProgress(here=self.here, parts=parts)

    def continued_with(self, since: PracticeProgress) -> PracticeProgress:
        """With what was counted in this browser `since`, before its own record was there: it is added to this one's."""
        found = self
        for simulated in (True, False):
            new = since.simulated if simulated else since.photographs
            found = found.with_change(simulated, lambda tally, new=new: tally.plus(new))  # type: ignore[misc]
        return found if not since.empty else self

    def to_text(self) -> str:
        """As JSON."""
        return self.model_dump_json()

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Read what `to_text` wrote; InputError says what is wrong."""
        if len(text) > LARGEST_TEXT:
            raise InputError(f"This is no record of practice: it is larger than {LARGEST_TEXT // 1024} KB.")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"This is no record of practice that can be read: {faults(error, cls)}.") from None


def one_more(matrix: Matrix, true: str, named: str) -> Matrix:
    """The counts with one more of (true, named), never above MOST_COUNTED."""
    changed = np.array(matrix)
    changed[CLASSES.index(true), CLASSES.index(named)] += 1
    return as_matrix(changed)


def _merged(first: Matrix, second: Matrix, act: np.ufunc) -> Matrix:
    return as_matrix(act(np.array(first), np.array(second)))


def as_matrix(counts: NDArray[np.int64]) -> Matrix:
    """Counts `(5, 5)` as tuples."""
    rows = [tuple(int(count) for count in row) for row in counts.clip(0, MOST_COUNTED)]
    return tuple(rows)  # type: ignore[return-value]


def accuracy_by_class(matrix: Matrix) -> Mapping[str, Estimate]:
    """By class the share named right, with Wilson's interval, and under "all" that of all cells."""
    found = {name: wilson(row[place], sum(row)) for place, (name, row) in enumerate(zip(CLASSES, matrix, strict=True))}
    right = sum(row[place] for place, row in enumerate(matrix))
    return {**found, "all": wilson(right, sum(map(sum, matrix)))}
