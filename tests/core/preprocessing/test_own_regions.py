"""A reader's own regions: numbered by grey level or colour, cut with the picture, refused in words."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from core.decoding import DecodedImage, decode
from core.errors import InputError
from core.preprocessing.framing import FRAMINGS, frame_image
from core.preprocessing.own_regions import OwnRegions, framed_regions, own_regions
from core.simulation import draw_cell


def decoded(rgb: np.ndarray, form: str = "PNG", depth: int = 8) -> DecodedImage:
    return DecodedImage(rgb, "0" * 64, form, depth, (), "regions.png")


def grey(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)


def test_levels_and_colours_are_numbered_in_order() -> None:
    levels = np.array([[0, 9], [250, 9]])
    found = own_regions(decoded(grey(levels)))
    assert found.count == 3 and found.labels.tolist() == [[0, 1], [2, 1]]
    colours = np.array([[[0, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]], dtype=np.uint8)
    assert own_regions(decoded(colours)).labels.tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("count", [2, 400])
def test_as_many_as_are_allowed(count: int) -> None:
    numbers = np.arange(400).reshape(20, 20) % count
    colours = np.stack([numbers // 256, numbers % 256, numbers * 0], axis=2).astype(np.uint8)
    found = own_regions(decoded(colours))
    assert found.count == count and np.array_equal(found.labels, numbers)


NUMBERS = np.arange(401)
COLOURS = np.stack([NUMBERS // 256, NUMBERS % 256, 0 * NUMBERS], axis=1).astype(np.uint8)[:, None]  # 401 of them


@pytest.mark.parametrize(
    ("rgb", "form", "depth", "told"),
    [
        (grey(np.zeros((20, 20))), "PNG", 8, "one region"),
        (COLOURS, "PNG", 8, "401"),
        (grey(np.eye(20)), "JPEG", 8, "JPEG"),
        (grey(np.eye(20)), "WebP", 8, "WebP"),
        (grey(np.eye(20)), "PNG", 16, "16 bits"),
    ],
)
def test_what_holds_no_regions_is_refused(rgb: np.ndarray, form: str, depth: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        own_regions(decoded(rgb, form, depth))


def test_a_files_two_colours_that_run_into_a_third_are_refused() -> None:
    """A lossy WebP of two colours is read as more than two; PNG gives the two back."""
    two = np.full((64, 64, 3), (200, 30, 60), np.uint8)
    two[20:45, 11:38] = (10, 120, 240)
    stored = {}
    for form in ("PNG", "WebP"):
        buffer = io.BytesIO()
        Image.fromarray(two).save(buffer, form)
        stored[form] = decode(buffer.getvalue(), f"regions.{form.lower()}")
    assert own_regions(stored["PNG"]).count == 2
    assert len(np.unique(stored["WebP"].rgb.reshape(-1, 3), axis=0)) > 2
    with pytest.raises(InputError, match=r"regions\.webp is a WebP file"):
        own_regions(stored["WebP"])


@pytest.mark.parametrize("framing", FRAMINGS)
def test_regions_are_framed_as_the_picture_itself(framing: str) -> None:
    """Regions that are the picture's own brightness in four levels come out as those of the framed picture."""
    picture = draw_cell("monocyte", 5, size=200).image
    smooth = cv2.GaussianBlur(picture, (0, 0), 6)
    view = frame_image(picture, framing)

    def levels(rgb: np.ndarray) -> np.ndarray:
        return (rgb[..., 1] // 64).astype(np.int32)

    found = framed_regions(OwnRegions(levels(smooth), "", ""), picture, view)
    assert found.shape == view.rgb.shape[:2]
    if framing in ("cell", "frame"):
        wanted = levels(cv2.GaussianBlur(view.rgb, (0, 0), 6))
        assert (found == wanted).mean() > 0.75


def test_regions_of_the_views_size_stay_and_others_are_refused() -> None:
    picture = draw_cell("monocyte", 5, size=200).image
    view = frame_image(picture, "cell")
    own = np.arange(view.rgb.shape[0] * view.rgb.shape[1], dtype=np.int32).reshape(view.rgb.shape[:2]) % 5
    assert np.array_equal(framed_regions(OwnRegions(own, "", ""), picture, view), own)
    with pytest.raises(InputError, match="200x200"):
        framed_regions(OwnRegions(own[:-1], "x", ""), picture, view)
    corner = np.zeros((200, 200), dtype=np.int32)
    corner[0, 0] = 1
    with pytest.raises(InputError, match="Only one of the 2 regions"):
        framed_regions(OwnRegions(corner, "x", ""), picture, view)
