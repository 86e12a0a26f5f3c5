from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.preprocessing.framing import FRAMINGS, cut_out, frame_image, framing_warning, square
from core.preprocessing.segmentation import find_nucleus, frame_extent
from core.simulation import draw_cell, draw_field


@pytest.mark.parametrize("label", CLASSES)
def test_the_nucleus_found_is_the_nucleus_drawn(label: str) -> None:
    overlaps = []
    for seed in range(12):
        cell = draw_cell(label, seed)
        nucleus = find_nucleus(cell.image)
        assert nucleus is not None
        truth = cell.nucleus | cell.cytoplasm if label == "basophil" else cell.nucleus  # granules hide it
        overlaps.append((nucleus.mask & truth).sum() / nucleus.mask.sum())
    assert np.median(overlaps) > 0.85


def test_every_cell_comes_at_one_scale_and_in_the_middle() -> None:
    for seed in range(6):
        cell = draw_cell("lymphocyte", seed, size=256)
        larger = cv2.resize(cell.image, (512, 512), interpolation=cv2.INTER_CUBIC)
        one, two = cut_out(cell.image), cut_out(larger)
        assert one.found and two.found
        assert one.rgb.shape[0] == one.rgb.shape[1] == one.box[2] == one.box[3]
        assert two.box[2] / one.box[2] == pytest.approx(2, rel=0.08)
        rows, columns = np.nonzero(one.nucleus)
        assert abs(rows.mean() / one.box[3] - 0.5) < 0.05 and abs(columns.mean() / one.box[2] - 0.5) < 0.05


def test_shifting_the_frame_shifts_the_box() -> None:
    image = draw_cell("monocyte", 3, size=256).image
    shifted = cut_out(image[10:, 14:]).box
    box = cut_out(image).box
    assert abs(box[0] - shifted[0] - 14) <= 3 and abs(box[1] - shifted[1] - 10) <= 3


def test_black_padding_is_not_taken_for_a_nucleus() -> None:
    image = draw_cell("neutrophil", 5, size=224).image.copy()
    image[190:] = 0
    assert frame_extent(image)[3] < 191
    padded, plain = find_nucleus(image), find_nucleus(image[:188])
    assert padded is not None and plain is not None
    assert abs(padded.centre[1] - plain.centre[1]) < 4


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((1, 1, 3), dtype=np.uint8),
        np.full((90, 90, 3), 200, dtype=np.uint8),
        np.zeros((60, 60, 3), dtype=np.uint8),
        np.full((5, 3000, 3), 120, dtype=np.uint8),
    ],
    ids=["one pixel", "even", "black", "strip"],
)
def test_without_a_cell_the_whole_frame_stands_in(rgb: np.ndarray) -> None:
    cut = cut_out(rgb)
    assert not cut.found and cut.rgb.shape[0] == cut.rgb.shape[1] == min(1024, max(rgb.shape[:2]))
    view = frame_image(rgb, "cell")
    assert not view.found and "whole frame" in view.warnings[0]


def test_a_field_without_a_white_cell_is_mostly_left_whole() -> None:
    assert sum(cut_out(draw_field(seed)).found for seed in range(20)) <= 10


def test_a_large_photograph_is_reduced_and_its_box_is_not() -> None:
    image = draw_cell("monocyte", 3, size=512).image
    larger = cv2.resize(image, (3072, 3072), interpolation=cv2.INTER_LINEAR)
    small, large = cut_out(image), cut_out(larger)
    assert large.rgb.shape[:2] == (1024, 1024) == large.nucleus.shape
    assert large.box[2] / small.box[2] == pytest.approx(6, rel=0.1)
    same = cv2.resize(small.rgb, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(cv2.resize(large.rgb, (64, 64), interpolation=cv2.INTER_AREA) - same).mean() < 12
    assert square(larger[:2000]).shape == (1024, 1024, 3)


def test_the_masked_framing_says_how_it_was_cut() -> None:
    view = frame_image(draw_cell("neutrophil", 3).image, "masked")
    assert view.found and view.parameters is not None and view.parameters.mode == "automatic"
    empty = frame_image(np.full((90, 90, 3), 200, dtype=np.uint8), "masked")
    assert not empty.found and "whole frame" in empty.warnings[0]


def test_square_loses_and_distorts_nothing() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    whole = square(rgb)
    assert whole.shape == (50, 50, 3) and np.array_equal(whole[10:40], rgb)
    view = frame_image(rgb, "frame")
    assert view.box == (0, -10, 50, 50) and np.array_equal(view.rgb, whole)


def test_framings_are_named_and_warned_about() -> None:
    with pytest.raises(InputError, match="Known: cell"):
        frame_image(np.zeros((40, 40, 3), dtype=np.uint8), "tight")
    assert framing_warning("cell", "cell") is None
    for framing in FRAMINGS:
        if framing != "cell":
            assert "counts for little" in str(framing_warning(framing, "cell"))
