"""Suggested bounds: the whole cell on any stain, at any size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.preprocessing.automatic import fit_bounds, suggest_parameters
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import crop_cell
from tests.support.smears import CYTOPLASM, RED_CELL, field, overlap, paint


def smear(
    seed: int, side: int = 240, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    """A cell with a dark nucleus in a field of red cells, with noise; and the mask of the whole cell."""
    generator = np.random.default_rng(seed)
    rgb, unit = field(side, side), side / 240
    for x, y in ((30, 40), (40, 200), (205, 45), (200, 205)):
        paint(rgb, x * unit, y * unit, 24 * unit, RED_CELL)
    cell = paint(rgb, 118 * unit, 122 * unit, 42 * unit, CYTOPLASM)
    paint(rgb, 112 * unit, 124 * unit, 24 * unit, (95, 60, 150))
    noisy = rgb * np.array(tint) + generator.normal(0, 4, rgb.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), cell


@pytest.mark.parametrize("tint", [(1.0, 1.0, 1.0), (1.0, 0.98, 0.62), (0.8, 0.85, 1.0)])
@pytest.mark.parametrize("side", [120, 240, 480])
def test_the_whole_cell_is_taken_on_any_stain_at_any_size(side: int, tint: tuple[float, float, float]) -> None:
    rgb, cell = smear(1, side, tint)
    parameters = suggest_parameters(rgb)
    crop = crop_cell(rgb, parameters)
    assert parameters.mode == "automatic"
    assert crop.found and overlap(crop.mask, cell) > 0.85


def test_a_suggestion_is_repeatable_and_can_be_saved() -> None:
    rgb, _ = smear(2)
    parameters = suggest_parameters(rgb)
    assert suggest_parameters(rgb) == parameters
    assert CellParameters.from_json(parameters.to_json()) == parameters


def test_black_borders_are_no_cell() -> None:
    rgb, cell = smear(3)
    rgb[:, :30] = 0
    crop = crop_cell(rgb, suggest_parameters(rgb))
    assert crop.found and overlap(crop.mask, cell) > 0.85


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 5000), (5000, 5), (40, 40), (240, 320)])
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_without_a_cell_none_is_found_and_the_reason_is_said(shape: tuple[int, int], colour: int) -> None:
    rgb = np.full((*shape, 3), colour, dtype=np.uint8)
    crop = crop_cell(rgb, suggest_parameters(rgb))
    assert not crop.found and crop.reason == "no nucleus stands out from the rest of the picture"


def test_fitted_bounds_are_near_the_best_of_all_boxes() -> None:
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 6, (40, 40, 3)).astype(np.uint8)
    cell = (rgb[:, :, 0] >= 2) & (rgb[:, :, 1] <= 3) & (generator.random((40, 40)) < 0.9)
    lower, upper = fit_bounds(rgb, cell, np.ones(cell.shape, dtype=bool))

    def score(low: tuple[int, ...], high: tuple[int, ...]) -> float:
        return overlap(((rgb >= low) & (rgb <= high)).all(axis=2), cell)

    intervals = [(low, high) for low in range(6) for high in range(low, 6)]
    best = max(score(*zip(*box, strict=True)) for box in itertools.product(intervals, intervals, [(0, 5)]))
    assert score(lower, upper) == pytest.approx(best, abs=0.015)


def test_bounds_keep_the_search_area_alone_in_view() -> None:
    rgb, cell = smear(4)
    lower, upper = fit_bounds(rgb, cell, np.ones(cell.shape, dtype=bool))
    whole = overlap(((rgb >= lower) & (rgb <= upper)).all(axis=2), cell)
    near = np.zeros_like(cell)
    near[70:175, 65:170] = True
    lower, upper = fit_bounds(rgb, cell, near)
    assert overlap(((rgb >= lower) & (rgb <= upper)).all(axis=2) & near, cell) >= whole


def test_a_bound_lies_amid_the_gap_between_cell_and_field() -> None:
    rgb = field()
    cell = paint(rgb, 150, 90, 40, (214, 112, 214))
    lower, upper = fit_bounds(rgb, cell, np.ones(cell.shape, dtype=bool))
    assert (lower, upper[0], upper[2]) == ((0, 0, 0), 255, 255)
    assert upper[1] == pytest.approx((112 + 212) / 2, abs=2)
