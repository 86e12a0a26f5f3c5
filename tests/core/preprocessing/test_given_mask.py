"""A mask of the reader's own lies where the picture's pixels lie, whatever the framing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.preprocessing.framing import View, frame_image, framed_mask, mask_of
from core.simulation import draw_cell
from tests.core.preprocessing.smears import NUCLEUS, field, paint

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
