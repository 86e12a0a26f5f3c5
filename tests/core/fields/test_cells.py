"""Found cells: their order, the overlap of boxes, what is matched with what, and the window that is handed on."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from core.fields.cells import Corners, FieldCell, cell_window, in_reading_order, matched_boxes, overlap_of, place_of
from core.preprocessing.cells import window


def boxes_at_random(rng: np.random.Generator, count: int) -> list[Corners]:
    corners = rng.integers(0, 30, (count, 2))
    sides = rng.integers(4, 20, (count, 2))
    return [(int(x), int(y), int(x + w), int(y + h)) for (x, y), (w, h) in zip(corners, sides, strict=True)]


def pixels(box: Corners) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


def test_overlap_is_that_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    for one, two in zip(boxes_at_random(rng, 50), boxes_at_random(rng, 50), strict=True):
        expected = len(pixels(one) & pixels(two)) / len(pixels(one) | pixels(two))
        assert overlap_of(one, two) == pytest.approx(expected)


def test_each_box_takes_the_free_one_that_it_overlaps_most() -> None:
    truth = [(0, 0, 10, 10), (8, 0, 18, 10)]
    assert matched_boxes([(1, 0, 11, 10), (0, 0, 10, 10), (9, 0, 19, 10)], truth) == [0, -1, 1]
    assert matched_boxes([], truth) == [] and matched_boxes([(0, 0, 9, 9)], []) == [-1]


def test_boxes_that_each_overlap_one_are_matched_as_the_best_assignment_has_it() -> None:
    rng = np.random.default_rng(1)
    truth = [(30 * n, 0, 30 * n + 20, 20) for n in range(4)]
    shifts = rng.integers(-4, 5, (4, 2))
    found = [(b[0] + int(x), max(0, int(y)), b[2] + int(x), 20) for b, (x, y) in zip(truth, shifts, strict=True)]
    best = max(permutations(range(4)), key=lambda p: sum(overlap_of(found[i], truth[j]) for i, j in enumerate(p)))
    assert matched_boxes(found, truth) == list(best)


def test_cells_are_numbered_line_by_line() -> None:
    places = {(200, 12): 3, (10, 10): 1, (100, 0): 2, (60, 100): 5, (5, 108): 4, (30, 300): 6}
    cells = [FieldCell(0, (x, y, x + 40, y + 40), 0.9, False) for x, y in places]
    ordered = in_reading_order(cells)
    assert [cell.number for cell in ordered] == [1, 2, 3, 4, 5, 6]
    assert {cell.box[:2]: cell.number for cell in ordered} == places
    assert in_reading_order([]) == []


def test_the_window_is_the_one_that_compare_cuts_out() -> None:
    field = np.random.default_rng(2).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    cell = FieldCell(1, (100, 60, 150, 120), 0.9, False)
    assert np.array_equal(cell_window(field, cell), window(field, place_of(cell)))
    x, y, width, height = place_of(cell).box
    assert width == height and x <= 100 and y <= 60 and x + width >= 150 and y + height >= 120


def test_the_window_keeps_the_cell_in_its_middle_away_from_the_border() -> None:
    rows, columns = np.mgrid[0:200, 0:300]
    field = np.stack([rows, columns, columns // 2], axis=2).astype(np.uint8)
    part = cell_window(field, FieldCell(1, (100, 60, 150, 120), 0.9, False))
    assert part[..., 1].mean() == pytest.approx(124.5, abs=1) and part[..., 0].mean() == pytest.approx(89.5, abs=1)
