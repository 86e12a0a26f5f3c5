"""A mask of the reader's own lies where the picture's pixels lie, whatever the framing."""

from __future__ import annotations

import typing

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from core.classes import CLASSES
from core.errors import InputError
from core.models.card import ModelCard
from core.preprocessing.framing import (
    FRAMINGS,
    View,
    cut_out,
    frame_image,
    framed_mask,
    framing_warning,
    mask_of,
    square,
)
from core.preprocessing.parameters import CellParameters
from core.preprocessing.segmentation import find_nucleus, frame_extent
from core.simulation import draw_cell, draw_field
from tests.support.smears import NUCLEUS, field, paint


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


LOWER, UPPER = (80, 80, 180), (180, 170, 245)  # Islam et al. 2024, RGB


def smear(colour: tuple[int, int, int]) -> np.ndarray:
    """A disc of 40 px in `colour` on a light ground, with a speck beside it."""
    rgb = np.full((240, 320, 3), 215, dtype=np.uint8)
    cv2.circle(rgb, (200, 110), 40, colour, cv2.FILLED)
    rgb[20:22, 20:22] = colour
    return rgb


def test_the_papers_bounds_cut_the_cell_as_a_slow_twin_does() -> None:
    rgb = smear((120, 90, 200))
    view = frame_image(rgb, "islam")
    stained = np.all((rgb >= LOWER) & (rgb <= UPPER), axis=2)
    pieces, _ = ndimage.label(stained)
    cell = pieces == np.argmax(np.bincount(pieces[pieces > 0]))
    rows, columns = np.flatnonzero(cell.any(axis=1)), np.flatnonzero(cell.any(axis=0))
    wanted = np.array([columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1])
    assert view.found and np.abs(np.array(view.box) - wanted).max() <= 2  # three dilations after two erosions
    assert view.rgb.shape == (120, 120, 3) and view.parameters == CellParameters()
    assert (view.rgb[0, 0] == 0).all() and (view.rgb[60, 60] == (120, 90, 200)).all()


def test_bounds_are_fixed_whatever_the_stain() -> None:
    yellowish = smear((150, 60, 120))  # out of the bounds: less blue than they want
    view = frame_image(yellowish, "islam")
    assert not view.found and view.rgb.shape == (320, 320, 3) and "whole frame" in view.warnings[0]
    own = CellParameters.of(lower=(100, 40, 100), upper=(200, 90, 180))
    assert frame_image(yellowish, "masked", own).found and not frame_image(yellowish, "islam", own).found


def test_a_given_mask_follows_the_framing() -> None:
    for colour in ((120, 90, 200), (150, 60, 120)):
        rgb = smear(colour)
        mask = (rgb == colour).all(axis=2)
        view = frame_image(rgb, "islam")
        framed = framed_mask(mask, rgb, view)
        assert framed.shape == view.rgb.shape[:2]
        assert (framed == (view.rgb == colour).all(axis=2)).mean() > 0.95


def test_a_card_can_name_every_framing_that_is_trained_on() -> None:
    trained = typing.get_args(ModelCard.model_fields["framing"].annotation)
    assert set(trained) == {"cell", "frame", "islam"} <= set(FRAMINGS)
    assert framing_warning("islam", "islam") is None
    assert "the paper's bounds" in (framing_warning("frame", "islam") or "")


RED = (250, 0, 0)


def off_centre() -> np.ndarray:
    """A nucleus near the corner of an oblong field, so that its cut-out reaches past two borders."""
    rgb = field()
    paint(rgb, 30, 28, 24, NUCLEUS)
    return rgb


def marked(rgb: np.ndarray) -> np.ndarray:
    """A mask of part of the nucleus and of ground beside it."""
    mask = np.zeros(rgb.shape[:2], dtype=bool)
    mask[4:30, 12:44] = True
    return mask


def agrees(view: View, mask: np.ndarray, tinted: np.ndarray) -> float:
    """Overlap of a framed mask with the red part of the same view of a tinted image."""
    red = (tinted[..., 0] > 125) & (tinted[..., 1] < 125)
    assert mask.shape == view.rgb.shape[:2] and red.any()
    return float((mask & red).sum() / (mask | red).sum())


@pytest.mark.parametrize("scale", [1, 9])
def test_a_cut_out_that_reaches_past_the_border(scale: int) -> None:
    rgb = np.kron(off_centre(), np.ones((scale, scale, 1), np.uint8))
    view = frame_image(rgb, "cell")
    x, y, width, height = view.box
    assert x < 0 and y < 0 and (view.rgb.shape[0] < height) == (scale == 9)
    mask = np.kron(marked(off_centre()), np.ones((scale, scale), bool))
    framed = framed_mask(mask, rgb, view)
    rows, columns = np.arange(y, y + height), np.arange(x, x + width)
    slow = np.array([[mask[abs(row), abs(column)] for column in columns] for row in rows])
    expected = np.asarray(Image.fromarray(slow).resize(view.rgb.shape[1::-1]))
    assert (framed == expected).mean() > 0.99


@pytest.mark.parametrize("shape", [(240, 320), (320, 200), (100, 100), (1500, 2000)])
def test_the_whole_frame_is_squared(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, dtype=bool)
    mask[: shape[0] // 3, : shape[1] // 4] = True
    rgb = np.where(mask[..., None], RED, (200, 200, 200)).astype(np.uint8)
    view = frame_image(rgb, "frame")
    assert agrees(view, framed_mask(mask, rgb, view), view.rgb) > 0.98


def test_the_masked_cell_is_cut_by_its_box() -> None:
    rgb = field()
    paint(rgb, 150, 90, 30, NUCLEUS)
    view = frame_image(rgb, "masked")
    assert view.found
    half = np.zeros(rgb.shape[:2], dtype=bool)
    half[:, :150] = True
    framed = framed_mask(half, rgb, view)
    assert framed.shape == view.rgb.shape[:2]
    assert framed[:, 0].all() and not framed[:, -1].any() and abs(framed.mean() - 0.5) < 0.05


def test_without_a_masked_cell_the_frame_stands_in() -> None:
    rgb = field()
    view = frame_image(rgb, "masked")
    assert not view.found
    mask = marked(rgb)
    tinted = frame_image(np.where(mask[..., None], RED, rgb).astype(np.uint8), "frame").rgb
    assert agrees(view, framed_mask(mask, rgb, view), tinted) > 0.98


def test_black_padding_is_left_out_as_in_the_picture() -> None:
    rgb = np.pad(off_centre(), ((40, 0), (50, 30), (0, 0)))
    view = frame_image(rgb, "cell")
    assert view.found and view.box[1] < 40 and view.box[0] < 50
    painted = framed_mask(np.asarray((rgb == NUCLEUS).all(axis=2)), rgb, view)
    shown = (view.rgb == NUCLEUS).all(axis=2)
    assert shown.any() and np.array_equal(painted, shown)


@pytest.mark.parametrize("high", [1, 2, 128, 255])
def test_any_two_shades_will_do(high: int) -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:9, 6:20] = True
    grey = (mask * high).astype(np.uint8)
    assert np.array_equal(mask_of(np.repeat(grey[..., None], 3, axis=2), (20, 30, 3)), mask)


def test_soft_borders_are_cut_at_half() -> None:
    ramp = np.zeros((40, 40), dtype=np.uint8)
    ramp[:, 20:] = 255
    ramp[:, 19], ramp[:, 20] = 100, 160
    assert np.array_equal(mask_of(np.repeat(ramp[..., None], 3, axis=2), (40, 40))[0], np.arange(40) >= 20)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((30, 20, 3)), "20x30 pixels and the image 30x20"),
        (np.zeros((20, 30, 3)), "no pixel"),
        (np.full((20, 30, 3), 9), "every pixel"),
        (np.indices((20, 30, 3))[1] * 8, "shades of grey"),
    ],
)
def test_what_is_no_mask_is_told(picture: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mask_of(picture.astype(np.uint8), (20, 30, 3))


def test_a_mask_of_another_cell_is_told() -> None:
    rgb = draw_cell("neutrophil", 3, size=200).image
    mask = np.zeros((200, 200), dtype=bool)
    mask[:3, :3] = True
    with pytest.raises(InputError, match="Nothing of the mask"):
        framed_mask(mask, rgb, frame_image(rgb, "cell"))


@pytest.mark.parametrize(
    "levels", [(0, 128, 255), (0, 1, 2), (255, 128, 0), (0, 255, 128), (128, 0, 255), (10, 60, 200)]
)
def test_a_mask_of_three_levels_marks_nucleus_and_cytoplasm(levels: tuple[int, int, int]) -> None:
    background, cytoplasm, nucleus = levels
    picture = np.full((60, 80), background, dtype=np.uint8)
    cell = cv2.circle(np.zeros((60, 80), np.uint8), (40, 30), 20, 1, -1)
    picture[cell > 0] = cytoplasm
    cv2.circle(picture, (38, 31), 9, nucleus, -1)
    marked = mask_of(np.repeat(picture[..., None], 3, axis=2), (60, 80, 3))
    assert np.array_equal(marked, cell > 0)


def test_a_photograph_is_still_no_mask() -> None:
    random = np.random.default_rng(0)
    shades = np.repeat(random.integers(60, 200, (40, 40, 1), dtype=np.uint8), 3, axis=2)
    with pytest.raises(InputError, match="many shades of grey"):
        mask_of(shades, (40, 40, 3))
