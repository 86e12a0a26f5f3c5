"""Pictures through an eyepiece: what surrounds the field is neither nucleus nor background."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.framing import frame_image
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import crop_cell
from core.preprocessing.segmentation import find_nucleus, outline_cell
from core.preprocessing.surround import field_of, surround
from core.simulation import draw_cell

Picture = NDArray[np.uint8]
Box = tuple[int, int, int, int]


def smear(seed: int) -> Picture:
    """A simulated cell and what lies about it, 480 px a side."""
    return draw_cell("neutrophil", seed, 480).image


def round_field(shape: tuple[int, ...]) -> Picture:
    return cv2.circle(np.zeros(shape[:2], np.uint8), (shape[1] // 2, shape[0] // 2), min(shape[:2]) // 2, 1, -1)


def off_centre(shape: tuple[int, ...]) -> Picture:
    return cv2.circle(np.zeros(shape[:2], np.uint8), (shape[1] // 2 + 40, shape[0] // 2 - 60), 300, 1, -1)


def octagon(shape: tuple[int, ...]) -> Picture:
    turns = np.arange(8) * np.pi / 4 + 0.3
    points = np.stack([shape[1] / 2 + 260 * np.cos(turns), shape[0] / 2 + 230 * np.sin(turns)], axis=1)
    return cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), points.astype(np.int32), 1)


def laid_in(picture: Picture, field: Picture, colour: int, soft: float) -> Picture:
    """The picture where `field` is, one even grey around it, with an edge as soft as a lens makes it."""
    share = field.astype(np.float32)
    share = cv2.GaussianBlur(share, (0, 0), soft) if soft else share
    return (picture * share[..., None] + colour * (1 - share[..., None])).astype(np.uint8)


def overlap(one: Box, other: Box) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


@pytest.mark.parametrize("shape", [round_field, off_centre, octagon])
@pytest.mark.parametrize(("colour", "soft"), [(0, 0), (0, 4), (25, 1), (70, 0), (128, 2)])
def test_the_same_cell_is_found_whatever_surrounds_the_field(
    shape: Callable[[tuple[int, ...]], Picture], colour: int, soft: float
) -> None:
    for seed in (1, 5):
        plain = smear(seed)
        seen = laid_in(plain, shape(plain.shape), colour, soft)
        assert overlap(frame_image(plain, "cell").box, frame_image(seen, "cell").box) >= 0.8
        one, other = (crop_cell(picture, suggest_parameters(picture)).box for picture in (plain, seen))
        assert one is not None and other is not None and overlap(one, other) >= 0.8


def test_the_outline_and_the_pipeline_leave_the_surround_out() -> None:
    seen = laid_in(smear(1), round_field((480, 480)), 0, 0)
    outside = round_field((480, 480)) == 0
    nucleus = find_nucleus(seen)
    assert nucleus is not None and not (outline_cell(seen, nucleus) & outside).any()
    everything = CellParameters(lower=(0, 0, 0), upper=(200, 120, 200), maximum_area=100.0, minimum_solidity=0.0)
    assert not (crop_cell(seen, everything).mask & outside).any()


@pytest.mark.parametrize("shape", [round_field, off_centre, octagon])
@pytest.mark.parametrize("colour", [0, 70, 128])
def test_the_surround_is_what_was_laid_around_and_a_soft_rim(
    shape: Callable[[tuple[int, ...]], Picture], colour: int
) -> None:
    plain = smear(1)
    field = shape(plain.shape) > 0
    found = surround(laid_in(plain, shape(plain.shape), colour, 1))
    assert found[~field].mean() > 0.99
    assert found[field].mean() < 0.1


def test_a_picture_that_the_field_fills_has_no_surround() -> None:
    random = np.random.default_rng(0)
    for seed in range(8):
        assert not surround(smear(seed)).any()
        assert not surround(draw_cell("lymphocyte", seed).image).any()
    noise = random.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    assert not surround(noise).any()
    for level in (0, 128, 255):
        assert field_of(np.full((64, 64, 3), level, dtype=np.uint8)).all()
    across = np.linspace(120, 240, 300).astype(np.uint8)
    assert not surround(np.repeat(np.repeat(across[None, :, None], 200, axis=0), 3, axis=2)).any()  # uneven light
