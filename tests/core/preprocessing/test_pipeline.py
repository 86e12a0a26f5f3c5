"""The pipeline stage by stage, on discs whose place is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import STAGES, WORKING_SIDE, crop_cell
from tests.support.smears import NUCLEUS, RED_CELL, disc, field, overlap, paint

PLAIN = CellParameters(erode_iterations=0, dilate_iterations=0, join_distance=0)


def test_a_disc_is_found_exactly() -> None:
    rgb = field()
    truth = paint(rgb, 150, 90, 30, NUCLEUS)
    crop = crop_cell(rgb, PLAIN)
    assert crop.found and crop.reason == ""
    assert crop.box == (120, 60, 61, 61)
    assert np.array_equal(crop.mask, truth)


def test_stages_follow_the_paper() -> None:
    rgb = field()
    truth = paint(rgb, 150, 90, 30, NUCLEUS)
    parameters = CellParameters(padding=7, padding_colour=(1, 2, 3), erode_size=5, output_size=64)
    stages = crop_cell(rgb, parameters).stages
    assert tuple(stages) == STAGES
    assert all(stage.dtype == np.uint8 for stage in stages.values())
    padded = np.pad(truth, 7)
    assert stages["padded"].shape == (254, 334, 3) and tuple(stages["padded"][0, 0]) == (1, 2, 3)
    assert np.array_equal(stages["thresholded"] > 0, padded)
    kernel = disc((5, 5), 2, 2, 2.3)
    kernel[[0, -1]] = [0, 0, 1, 0, 0]
    eroded = ndimage.binary_erosion(padded, kernel, iterations=2)
    assert overlap(stages["eroded"] > 0, eroded) > 0.97
    assert stages["resized"].shape == (64, 64, 3)
    _, _, width, height = crop_cell(rgb, parameters).box or (0, 0, 0, 0)
    assert stages["cropped"].shape == (height, width, 3)
    assert np.array_equal(stages["original"], rgb)
    outside = ~np.pad(crop_cell(rgb, parameters).mask, 7)
    assert not stages["masked"][outside].any() and stages["masked"][~outside].any()


def test_bounds_are_red_green_blue() -> None:
    rgb = field()
    paint(rgb, 150, 90, 30, NUCLEUS)
    assert crop_cell(rgb, PLAIN).found
    assert not crop_cell(np.ascontiguousarray(rgb[:, :, ::-1]), PLAIN).found


def test_bounds_are_inclusive() -> None:
    rgb = field()
    paint(rgb, 150, 90, 30, NUCLEUS)
    assert crop_cell(rgb, PLAIN.revised(lower=NUCLEUS, upper=NUCLEUS)).found
    assert not crop_cell(rgb, PLAIN.revised(lower=(121, 100, 200))).found


@pytest.mark.parametrize(("join", "whole"), [(14, True), (6, False)])
def test_lobes_close_together_are_one_cell(join: int, whole: bool) -> None:
    rgb = field()
    paint(rgb, 120, 120, 25, NUCLEUS)
    paint(rgb, 180, 120, 24, NUCLEUS)  # 10 px of field lie between them
    box = crop_cell(rgb, PLAIN.revised(join_distance=join)).box
    assert box == ((95, 95, 110, 51) if whole else (95, 95, 51, 51))


def test_smoothing_takes_grain_away() -> None:
    rgb = field()
    truth = paint(rgb, 150, 90, 30, NUCLEUS)
    grain = np.random.default_rng(0).normal(0, 25, rgb.shape)
    rgb = np.clip(rgb + grain, 0, 255).astype(np.uint8)
    assert not crop_cell(rgb, CellParameters()).found
    assert overlap(crop_cell(rgb, CellParameters(smoothing=1.0)).mask, truth) > 0.9


def test_holes_count_as_the_cell() -> None:
    rgb = field()
    truth = paint(rgb, 150, 90, 30, NUCLEUS)
    paint(rgb, 150, 90, 8, (220, 220, 220))
    assert np.array_equal(crop_cell(rgb, PLAIN).mask, truth)


def test_the_cell_at_the_border_stays_inside_the_frame() -> None:
    rgb = field()
    truth = paint(rgb, 0, 0, 50, NUCLEUS)
    crop = crop_cell(rgb, CellParameters(dilate_iterations=0, erode_iterations=0))
    assert crop.box == (0, 0, 51, 51)
    assert np.array_equal(crop.mask, truth)


def test_choice_between_two_cells() -> None:
    rgb = field()
    paint(rgb, 50, 60, 35, NUCLEUS)
    paint(rgb, 165, 125, 25, NUCLEUS)
    assert (crop_cell(rgb, PLAIN).box or ())[:2] == (15, 25)
    assert (crop_cell(rgb, PLAIN.revised(choice="central")).box or ())[:2] == (140, 100)


def test_the_search_circle_leaves_out_what_lies_outside() -> None:
    rgb = field()
    paint(rgb, 50, 60, 35, NUCLEUS)
    paint(rgb, 165, 125, 25, NUCLEUS)
    here = PLAIN.revised(region_x=50.0, region_y=50.0, region_radius=20.0)
    assert (crop_cell(rgb, here).box or ())[:2] == (140, 100)
    limited = crop_cell(rgb, PLAIN.revised(region_x=50 / 319 * 100, region_y=60 / 239 * 100, region_radius=10.0))
    assert overlap(limited.mask, disc(rgb.shape, 50, 60, 24)) > 0.95


def blank() -> np.ndarray:
    return field()


def fleck() -> np.ndarray:
    rgb = field()
    paint(rgb, 150, 90, 8, NUCLEUS)
    return rgb


def red_cells() -> np.ndarray:
    rgb = field()
    for x in (60, 150, 240):
        paint(rgb, x, 120, 35, RED_CELL)
    return rgb


def thin_cross() -> np.ndarray:
    rgb = field()
    rgb[118:124, 20:300] = NUCLEUS
    rgb[20:220, 158:164] = NUCLEUS
    return rgb


def pale() -> np.ndarray:
    rgb = field()
    paint(rgb, 150, 90, 30, (175, 168, 200))
    return rgb


def everywhere() -> np.ndarray:
    return np.full((240, 320, 3), NUCLEUS, dtype=np.uint8)


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (blank, "nothing"),
        (red_cells, "nothing"),
        (fleck, "less than"),
        (thin_cross, "ragged"),
        (pale, "pale"),
        (everywhere, "more than"),
    ],
)
def test_what_is_no_cell_is_not_found_and_the_frame_stays_whole(draw, reason: str) -> None:
    rgb = draw()
    crop = crop_cell(rgb, CellParameters())
    assert not crop.found and crop.box is None and reason in crop.reason
    assert not crop.mask.any()
    assert np.array_equal(crop.stages["cropped"], rgb)
    assert np.array_equal(crop.stages["masked"], crop.stages["padded"])
    assert crop.stages["resized"].shape == (120, 120, 3) and crop.stages["resized"].any()


@pytest.mark.parametrize("colour", [0, 128, 255, NUCLEUS])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 5000), (5000, 5)])
def test_odd_sizes_do_not_fail(shape: tuple[int, int], colour: int | tuple[int, int, int]) -> None:
    rgb = np.empty((*shape, 3), dtype=np.uint8)
    rgb[:] = colour
    for padding in (0, 10):
        crop = crop_cell(rgb, CellParameters(padding=padding))
        assert crop.mask.shape == shape and not crop.found


def test_a_large_picture_is_worked_on_at_a_bounded_size() -> None:
    rgb = field(2400, 3200)
    truth = paint(rgb, 1500, 900, 300, NUCLEUS)
    crop = crop_cell(rgb, CellParameters())
    assert max(crop.stages["padded"].shape) == WORKING_SIDE + 20
    assert crop.mask.shape == (2400, 3200) and overlap(crop.mask, truth) > 0.93
    x, y, width, height = crop.box or (0, 0, 0, 0)
    assert crop.stages["cropped"].shape == (height, width, 3)
    assert abs(x - 1200) < 12 and abs(y - 600) < 12


def test_the_input_is_left_alone() -> None:
    rgb = field()
    paint(rgb, 150, 90, 30, NUCLEUS)
    before = rgb.copy()
    rgb.flags.writeable = False
    crop_cell(rgb, CellParameters())
    assert np.array_equal(rgb, before)


def test_a_mask_follows_a_slider_within_150_ms() -> None:
    rgb = field(480, 640)
    paint(rgb, 300, 200, 70, NUCLEUS)
    crop_cell(rgb, CellParameters())
    times = []
    for _ in range(5):
        started = time.perf_counter()
        crop_cell(rgb, CellParameters())
        times.append(time.perf_counter() - started)
    assert min(times) < 0.15
