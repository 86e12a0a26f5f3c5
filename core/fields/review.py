"""A reader's corrections of the cells found in a photograph, as a history that is never changed but added to: cells
deleted, added, named otherwise or called no white cell; every step can be taken back and taken again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.classes import is_class_name
from core.errors import InputError
from core.fields.cells import Corners, FieldCell

Kind = Literal["delete", "add", "relabel", "not white"]

MOST_CORRECTIONS = 10_000
SMALLEST_ADDED = 8  # px of the side of a cell that a reader adds
USUAL_SIDE = 0.12  # of the photograph's shorter side, for a cell added where none was found


@dataclass(frozen=True)
class Correction:
    """One step: what was done to the cell `number`; `label` of a relabelling, `box` in px of an added cell."""

    kind: Kind
    number: int
    label: str = ""
    box: Corners = (0, 0, 0, 0)


@dataclass(frozen=True)
class ReviewedCell:
    """A cell as it stands: what was found, and what the reader says of it.

    `label` is the reader's class, "" where they gave none; `white` is False for what they call no white cell; `added`
    where they drew it themselves.
    """

    cell: FieldCell
    label: str = ""
    white: bool = True
    added: bool = False


@dataclass(frozen=True)
class FieldReview:
    """A photograph's cells as found, its size `(height, width)` in px, the corrections made, and those taken back."""

    found: tuple[FieldCell, ...]
    size: tuple[int, int]
    done: tuple[Correction, ...] = ()
    undone: tuple[Correction, ...] = ()

    @property
    def cells(self) -> tuple[ReviewedCell, ...]:
        """The cells after all corrections, by number; deleted ones are gone."""
        return _after(self.found, self.done)

    @property
    def counted(self) -> tuple[ReviewedCell, ...]:
        """The white cells, which the count is about."""
        return tuple(one for one in self.cells if one.white)

    def of(self, number: int) -> ReviewedCell:
        """The cell of that number; InputError where there is none, or where it was deleted."""
        found = next((one for one in self.cells if one.cell.number == number), None)
        if found is None:
            raise InputError(f"There is no cell {number} in this photograph.")
        return found

    def deleted(self, number: int) -> FieldReview:
        """Without that cell, as where one cell was found twice."""
        self.of(number)
        return self._with(Correction("delete", number))

    def relabelled(self, number: int, label: str) -> FieldReview:
        """With the reader's class for that cell, which is then a white cell."""
        self.of(number)
        if not is_class_name(label):
            raise InputError("A class has a name of letters, digits, spaces, “_”, “+” and “-”, at most 41 of them.")
        return self._with(Correction("relabel", number, label))

    def not_white(self, number: int) -> FieldReview:
        """With that find called no white cell: it stays in sight and in the exports, and leaves the count."""
        self.of(number)
        return self._with(Correction("not white", number))

    def with_added(self, box: Corners) -> FieldReview:
        """With a cell that was missed; its `box` is cut at the border. InputError where nothing of it is inside."""
        cut = within(box, self.size)
        if min(cut[2] - cut[0], cut[3] - cut[1]) < SMALLEST_ADDED:
            raise InputError("The cell lies outside the photograph, or is smaller than 8 px.")
        return self._with(Correction("add", self.next_number, box=cut))

    @property
    def next_number(self) -> int:
        """The number of the next cell that is added: above all that there were."""
        added = [one.number for one in self.done if one.kind == "add"]
        return max([0, *(cell.number for cell in self.found), *added]) + 1

    def undo(self) -> FieldReview:
        """With the last correction taken back; itself where there is none."""
        if not self.done:
            return self
        return replace(self, done=self.done[:-1], undone=(*self.undone, self.done[-1]))

    def redo(self) -> FieldReview:
        """With the correction that was taken back last made again; itself where there is none."""
        if not self.undone:
            return self
        return replace(self, done=(*self.done, self.undone[-1]), undone=self.undone[:-1])

    def _with(self, correction: Correction) -> FieldReview:
        if len(self.done) >= MOST_CORRECTIONS:
            raise InputError(f"A photograph takes at most {MOST_CORRECTIONS:,} corrections.")
        return replace(self, done=(*self.done, correction), undone=())


def _after(found: Sequence[FieldCell], done: Sequence[Correction]) -> tuple[ReviewedCell, ...]:
    cells = {cell.number: ReviewedCell(cell) for cell in found}
    for one in done:
        if one.kind == "delete":
            del cells[one.number]
        elif one.kind == "add":
            cells[one.number] = ReviewedCell(FieldCell(one.number, one.box, 1.0, False), added=True)
        elif one.kind == "relabel":
            cells[one.number] = replace(cells[one.number], label=one.label, white=True)
        else:
            cells[one.number] = replace(cells[one.number], label="", white=False)
    return tuple(cells[number] for number in sorted(cells))


def within(box: Corners, size: tuple[int, int]) -> Corners:
    """A box (left, top, right, bottom) cut at the border of a photograph of `size` (height, width)."""
    height, width = size
    left, right = (min(width, max(0, value)) for value in (box[0], box[2]))
    top, bottom = (min(height, max(0, value)) for value in (box[1], box[3]))
    return left, top, right, bottom


def box_around(x: float, y: float, review: FieldReview) -> Corners:
    """A box around a click at (x, y) px, of the median size of the cells found, cut at the border."""
    sides = sorted(max(cell.box[2] - cell.box[0], cell.box[3] - cell.box[1]) for cell in review.found)
    side = sides[len(sides) // 2] if sides else round(USUAL_SIDE * min(review.size))
    left, top = round(x - side / 2), round(y - side / 2)
    return within((left, top, left + side, top + side), review.size)
