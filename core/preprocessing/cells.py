"""All cells of a picture that shows several: where each one lies, and the window around one of them, which is then a
picture of its own with that cell at its centre."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.segmentation import (
    AREA_LIMITS,
    WORKING_SIDE,
    Mask,
    frame_extent,
    nuclear_groups,
    square_around,
    stained_pixels,
)
from core.preprocessing.surround import field_of

Box = tuple[int, int, int, int]

FIELD_SIDES = (640, 480)  # px of the longer and the shorter side from which on a picture may be a whole field
MOST_CELLS = 9  # that are numbered: one key each
OF_LARGEST = 0.3  # share of the largest nucleus' area under which a find is a platelet or dirt
LEAST_INSIDE = 0.5  # share of its square that lies in the picture: a cell that is cut off is not offered
WINDOW = 1.5  # side of the window around a cell, in sides of the cell's square: its surroundings, for the stain's sake


@dataclass(frozen=True)
class CellPlace:
    """One cell of a picture: `box` `(x, y, w, h)` is the square around it in px of the picture, which it may leave;
    `centre` `(x, y)` and `area` are those of its nucleus."""

    box: Box
    centre: tuple[float, float]
    area: float


def is_field(shape: tuple[int, ...]) -> bool:
    """Whether a picture of `shape` `(H, W, …)` is large enough to be a whole field with several cells."""
    longer, shorter = max(shape[:2]), min(shape[:2])
    return longer >= FIELD_SIDES[0] and shorter >= FIELD_SIDES[1]


def find_cells(rgb: NDArray[np.uint8], most: int = MOST_CELLS) -> tuple[CellPlace, ...]:
    """Find the cells of `rgb` `(H, W, 3) uint8`, as `find_nucleus` finds one: from left to right, the largest `most`.

    Groups of stained pixels that are much smaller than the largest, or cut off by the border, are left out.
    """
    x, y, width, height = frame_extent(rgb)
    frame = rgb[y : y + height, x : x + width]
    scale = min(1.0, WORKING_SIDE / min(width, height))
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    stained = stained_pixels(small, field_of(small))
    if stained is None:
        return ()
    groups = [group for group in nuclear_groups(stained) if group.sum() <= AREA_LIMITS[1] * group.size]
    least = max(AREA_LIMITS[0] * stained.size, OF_LARGEST * max((group.sum() for group in groups), default=0))
    places = [_place(group, scale, (x, y)) for group in groups if group.sum() >= least]
    inside = [place for place in places if _share_inside(place.box, (x, y, width, height)) >= LEAST_INSIDE]
    largest = sorted(inside, key=lambda place: -place.area)[:most]
    return tuple(sorted(largest, key=lambda place: place.centre[0]))


def most_central(cells: tuple[CellPlace, ...], shape: tuple[int, ...]) -> int:
    """Index of the cell whose nucleus lies nearest the middle of a picture of `shape` `(H, W, …)`."""
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    return min(range(len(cells)), key=lambda n: np.hypot(cells[n].centre[0] - x, cells[n].centre[1] - y))


def largest_of(cells: tuple[CellPlace, ...]) -> int:
    """Index of the cell with the largest nucleus."""
    return max(range(len(cells)), key=lambda n: cells[n].area)


def window(rgb: NDArray[np.uint8], cell: CellPlace) -> NDArray[np.uint8]:
    """The part of `rgb` `(H, W, 3)` around a cell, at its centre: narrower where the picture's border is near."""
    x, y = cell.centre
    nearest = min(x, y, rgb.shape[1] - x, rgb.shape[0] - y)  # border
    half = max(cell.box[2] / 2, min(WINDOW * cell.box[2] / 2, nearest))
    left, top = max(0, round(x - half)), max(0, round(y - half))
    return np.ascontiguousarray(rgb[top : round(y + half), left : round(x + half)])


def _place(group: Mask, scale: float, corner: tuple[int, int]) -> CellPlace:
    rows, columns = np.nonzero(group)
    centre = (float(columns.mean() + 0.5) / scale + corner[0], float(rows.mean() + 0.5) / scale + corner[1])
    area = float(len(rows)) / scale**2
    return CellPlace(square_around(centre, area), centre, area)


def _share_inside(box: Box, extent: Box) -> float:
    across = min(box[0] + box[2], extent[0] + extent[2]) - max(box[0], extent[0])
    down = min(box[1] + box[3], extent[1] + extent[3]) - max(box[1], extent[1])
    return max(0, across) * max(0, down) / (box[2] * box[3])
