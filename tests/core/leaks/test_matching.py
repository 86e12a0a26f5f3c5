"""Copies are matched, other photographs are not."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from core.leaks.fingerprint import as_mirrored, filled_corners, fingerprint, pixel_hash, stain_channel
from core.leaks.grouping import group_fingerprints
from core.leaks.matching import align, compare
from tests.support.photographs import Picture, grey, hue_turned, photograph, turned

COPIES: dict[str, tuple[Callable[[Picture], Picture], bool]] = {
    "flipped": (lambda x: x[:, ::-1].copy(), True),
    "upside down": (lambda x: x[::-1].copy(), True),
    "quarter turn": (lambda x: np.rot90(x).copy(), False),
    "turned": (lambda x: turned(x, 33), False),
    "cropped": (lambda x: x[30:-40, 50:-20].copy(), False),
    "half": (lambda x: np.asarray(cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)), False),
    "hue": (lambda x: hue_turned(x, 70), False),
    "grey": (grey, False),
    "dark": (lambda x: (x * 0.6).astype(np.uint8), False),
    "all": (lambda x: hue_turned(turned(x[:, ::-1].copy(), 120), 40)[20:-20, 20:-20].copy(), True),
}


@pytest.fixture(scope="module")
def field() -> Picture:
    return photograph(1)


@pytest.mark.parametrize("kind", COPIES)
def test_copies_match_in_their_own_handedness_alone(kind: str, field: Picture) -> None:
    change, mirrored = COPIES[kind]
    original, copy = fingerprint(field), fingerprint(change(field))
    assert compare(original, copy, mirrored).same
    assert not compare(original, copy, not mirrored).same


def test_other_photographs_do_not_match(field: Picture) -> None:
    original = fingerprint(field)
    for seed in range(2, 8):
        other = fingerprint(photograph(seed))
        assert not any(compare(original, other, mirrored).same for mirrored in (False, True))


def test_the_similarity_is_the_one_that_was_applied(field: Picture) -> None:
    """A turn of 30 degrees about the middle; image rows run downwards, so the angle's sign is the other one."""
    found = align(fingerprint(field), fingerprint(turned(field, 30)), False)
    assert found is not None
    assert abs(found.factor - np.exp(-1j * np.deg2rad(30))) < 0.01
    height, width = field.shape[:2]
    middle = complex(width / 2, height / 2) / max(height, width)
    moved = found.factor * middle + found.shear * np.conj(middle) + found.shift
    assert abs(moved - middle) < 0.005


def test_mirrored_descriptors_are_those_of_the_mirrored_picture(field: Picture) -> None:
    """OpenCV's descriptor at the mirrored point of the mirrored picture is the independent answer."""
    sift = cv2.SIFT_create()
    channel = stain_channel(field)
    points = [key for key in sift.detect(channel, None) if key.size > 6][:40]
    _, plain = sift.compute(channel, points)
    width = channel.shape[1]
    across = [
        cv2.KeyPoint(width - 1 - k.pt[0], k.pt[1], k.size, (180 - k.angle) % 360, k.response, k.octave) for k in points
    ]
    _, mirrored = sift.compute(channel[:, ::-1].copy(), across)
    off = np.abs(as_mirrored(plain.astype(np.uint8)).astype(int) - mirrored).mean(axis=1)
    assert np.median(off) < 0.2 * np.abs(plain - mirrored).mean()


def test_turning_the_hue_leaves_the_stain_channel(field: Picture) -> None:
    off = np.abs(stain_channel(field).astype(int) - stain_channel(hue_turned(field, 100)))
    assert np.quantile(off, 0.99) <= 6


def test_corners_of_one_colour_are_found_and_a_textured_picture_has_none() -> None:
    noise = np.random.default_rng(0).integers(60, 200, (120, 160, 3), dtype=np.uint8)
    assert not filled_corners(noise).any()
    canvas = noise.copy()
    canvas[:30, :40] = 0
    canvas[-20:, -50:] = (120, 90, 160)
    found = filled_corners(canvas)
    assert found[:30, :40].all() and found[-20:, -50:].all()
    assert found.sum() == 30 * 40 + 20 * 50


def test_pixel_hash_tells_shape_and_values() -> None:
    one = np.zeros((4, 6, 3), np.uint8)
    assert pixel_hash(one) == pixel_hash(one.copy()) != pixel_hash(one.reshape(6, 4, 3))


@pytest.mark.parametrize("shape", [(16, 16, 3), (1, 400, 3), (90, 90, 3)])
def test_pictures_without_anything_on_them_are_not_joined(shape: tuple[int, int, int]) -> None:
    blank = [fingerprint(np.full(shape, level, np.uint8)) for level in (10, 130, 250)]
    assert group_fingerprints(blank, lambda _: None).tolist() == [0, 1, 2]


def test_groups_of_copies_and_strangers() -> None:
    pictures, truth = [], []
    for seed in range(4):
        original = photograph(10 + seed)
        for change in (lambda x: x, *(COPIES[kind][0] for kind in ("flipped", "turned", "hue", "all"))):
            pictures.append(change(original))
            truth.append(seed)
    for seed in range(4):
        pictures.append(photograph(50 + seed))
        truth.append(4 + seed)
    found = group_fingerprints([fingerprint(picture) for picture in pictures], lambda _: None)
    assert found.tolist() == truth
