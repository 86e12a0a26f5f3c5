"""All cells of a field: found where they were drawn, the window around each with that cell in the middle."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.cells import find_cells, is_field, largest_of, most_central, window
from core.preprocessing.framing import cut_out
from core.simulation import draw_cell

PLACES = ((130, 120), (360, 250), (610, 400))


def field(*places: tuple[int, int], label: str = "lymphocyte") -> NDArray[np.uint8]:
    """700 by 500 px of pale ground with one simulated cell around each `(x, y)`."""
    drawn = np.full((500, 700, 3), (236, 226, 232), dtype=np.uint8)
    cell = draw_cell(label, 5).image[62:162, 62:162]
    for x, y in places:
        drawn[y - 50 : y + 50, x - 50 : x + 50] = cell
    return drawn


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_cell_is_found_from_left_to_right(count: int) -> None:
    found = find_cells(field(*PLACES[:count]))
    assert len(found) == count
    for (x, y), cell in zip(PLACES[:count], found, strict=True):
        assert np.hypot(cell.centre[0] - x, cell.centre[1] - y) < 20


def test_the_lobes_of_a_nucleus_are_one_cell() -> None:
    assert len(find_cells(field(*PLACES, label="neutrophil"))) == 3


def test_an_empty_field_holds_none() -> None:
    assert find_cells(np.full((500, 700, 3), 220, dtype=np.uint8)) == ()


def test_what_is_cut_off_or_small_is_no_cell() -> None:
    drawn = field(PLACES[1])
    cell = draw_cell("lymphocyte", 5).image[62:162, 62:162]
    drawn[:28, :28] = cell[36:64, 36:64]  # a piece of a cell in the corner
    drawn[430:436, 60:66] = (90, 40, 120)  # a platelet
    assert len(find_cells(drawn)) == 1


def test_the_window_shows_the_cell_as_the_whole_field_shows_its_central_one() -> None:
    whole = field(*PLACES)
    cells = find_cells(whole)
    assert most_central(cells, whole.shape) == 1
    alone, among = cut_out(window(whole, cells[1])), cut_out(whole)
    assert abs(alone.box[2] - among.box[2]) <= 0.1 * among.box[2]
    for cell in cells:
        part = window(whole, cell)
        found = cut_out(part)
        assert found.found
        middle = np.array(found.box[:2]) + found.box[2] / 2
        assert np.abs(middle - np.array(part.shape[1::-1]) / 2).max() < 0.2 * found.box[2]


def test_the_largest_is_told_from_the_others() -> None:
    drawn = field(*PLACES[:2])
    big = draw_cell("monocyte", 3).image
    drawn[240:464, 450:674] = big
    cells = find_cells(drawn)
    assert len(cells) == 3 and largest_of(cells) == 2


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((480, 640, 3), True), ((640, 480, 3), True), ((479, 640, 3), False), ((575, 575, 3), False)],
)
def test_a_field_is_at_least_640_by_480(shape: tuple[int, ...], expected: bool) -> None:
    assert is_field(shape) is expected
