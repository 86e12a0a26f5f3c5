"""One's own figures of practice: counts of true class by answer, beside the models' on the same cells, as a small JSON
text that comes back from a browser or a file and is hostile until it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from core.classes import CLASSES
from core.errors import InputError
from core.evaluation.intervals import Estimate, wilson
from core.settings import Settings, faults

LARGEST_TEXT = 64 * 1024  # bytes of a kept text
MOST_COUNTED = 1_000_000
MOST_MODELS_KEPT = 32

Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Row = tuple[Count, Count, Count, Count, Count]
Matrix = tuple[Row, Row, Row, Row, Row]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}$")]
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
        names = list(dict.fromkeys([*self.models, *other.models]))[:MOST_MODELS_KEPT]
        both = {
            name: added(self.models.get(name, EMPTY_MATRIX), other.models.get(name, EMPTY_MATRIX)) for name in names
        }
        return Tally(
            own=added(self.own, other.own),
            models=both,
            returned=min(MOST_COUNTED, self.returned + other.returned),
            recovered=min(MOST_COUNTED, self.recovered + other.recovered),
        )


class PracticeProgress(Settings):
    """All that is kept of practice: a tally of simulated cells, one of photographs, never mixed."""

    format: Annotated[int, Field(ge=1, le=1)] = 1
    simulated: Tally = Tally()
    photographs: Tally = Tally()

    def of_kind(self, simulated: bool) -> Tally:
        """The tally of simulated cells, or that of photographs."""
        return self.simulated if simulated else self.photographs

    def with_tally(self, simulated: bool, tally: Tally) -> PracticeProgress:
        """With one of the two replaced."""
        return self.model_copy(update={"simulated" if simulated else "photographs": tally})

    def joined_with(self, other: PracticeProgress) -> PracticeProgress:
        """Both together."""
        return PracticeProgress(
            simulated=self.simulated.plus(other.simulated), photographs=self.photographs.plus(other.photographs)
        )

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


def added(first: Matrix, second: Matrix) -> Matrix:
    """The sum of two tables of counts, never above MOST_COUNTED."""
    return as_matrix(np.array(first) + np.array(second))


def as_matrix(counts: NDArray[np.int64]) -> Matrix:
    """Counts `(5, 5)` as tuples."""
    rows = [tuple(int(count) for count in row) for row in counts.clip(0, MOST_COUNTED)]
    return tuple(rows)  # type: ignore[return-value]


def accuracy_by_class(matrix: Matrix) -> Mapping[str, Estimate]:
    """By class the share named right, with Wilson's interval, and under "all" that of all cells."""
    found = {name: wilson(row[place], sum(row)) for place, (name, row) in enumerate(zip(CLASSES, matrix, strict=True))}
    right = sum(row[place] for place, row in enumerate(matrix))
    return {**found, "all": wilson(right, sum(map(sum, matrix)))}
