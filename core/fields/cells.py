"""What is found in a photograph of a smear: white cells with their boxes, in reading order, and the window around one,
which is the picture that Compare and Explain are handed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.preprocessing.cells import CellPlace, window
from core.preprocessing.segmentation import HALF_SIDE

Corners = tuple[int, int, int, int]

SQUARE = 1.12  # side of the square that frames a cell, in the longer sides of its box


@dataclass(frozen=True, slots=True)
class FieldCell:
    """A white cell of a photograph: `number` from 1 in reading order, `box` (left, top, right, bottom) in px of the
    photograph (right and bottom excluded), `score` 0 to 1 how sure that it is a white cell, `touching` whether it was
    split from a neighbour."""

    number: int
    box: Corners
    score: float
    touching: bool


def in_reading_order(cells: Sequence[FieldCell]) -> list[FieldCell]:
    """The cells numbered from 1, line by line from the top, each line from the left.

    Lines are cut where, from one cell's middle to the next below it, there is more than half the cells' median height.
    """
    if not cells:
        return []
    gap = 0.5 * float(np.median([cell.box[3] - cell.box[1] for cell in cells]))
    by_height = sorted(cells, key=lambda cell: (_middle(cell)[1], _middle(cell)[0]))
    lines = [[by_height[0]]]
    for above, below in pairwise(by_height):
        if _middle(below)[1] - _middle(above)[1] > gap:
            lines.append([])
        lines[-1].append(below)
    ordered = [cell for line in lines for cell in sorted(line, key=_middle)]
    return [replace(cell, number=number) for number, cell in enumerate(ordered, start=1)]


def _middle(cell: FieldCell) -> tuple[float, float]:
    left, top, right, bottom = cell.box
    return (left + right) / 2, (top + bottom) / 2


def place_of(cell: FieldCell) -> CellPlace:
    """The place of a cell as `core.preprocessing.cells` has it: a square around the middle of its box, in px."""
    left, top, right, bottom = cell.box
    side = max(16, round(SQUARE * max(right - left, bottom - top)))
    x, y = _middle(cell)
    return CellPlace((round(x - side / 2), round(y - side / 2), side, side), (x, y), (side / (2 * HALF_SIDE)) ** 2)


def cell_window(field: NDArray[np.uint8], cell: FieldCell) -> NDArray[np.uint8]:
    """The part of a photograph `(H, W, 3) uint8` that is handed to Compare, Explain and the models, `(h, w, 3)`.

    It is the same that Compare cuts out of a photograph with several cells; `frame_image` frames it for a model.
    """
    return window(field, place_of(cell))


def overlap_of(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, across) * max(0, down)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / max(1, areas - shared)


def matched_boxes(found: Sequence[Corners], truth: Sequence[Corners], least: float = 0.5) -> list[int]:
    """For each box of `found`, in the order given (the surest first), the index of its box of `truth`, or -1.

    Each takes, of those not taken, the one that it overlaps most, where that is at least `least` (PASCAL VOC's rule).
    """
    free, taken = set(range(len(truth))), []
    for box in found:
        best = max(free, key=lambda index: (overlap_of(box, truth[index]), -index), default=-1)
        if best >= 0 and overlap_of(box, truth[best]) >= least:
            free.remove(best)
            taken.append(best)
        else:
            taken.append(-1)
    return taken
