"""What is kept of an image to tell copies of it: local descriptors, a small picture, a hash of its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.leaks.filled import filled_corners
from core.preprocessing.reduction import reduced

LONGEST_SIDE = 640
FEWEST, MOST = 110, 256  # key points kept of a small and of a large image
THUMB_SIDE = 160
TILES = 5  # along the longest side: key points are taken from all of them in turn
CONTRAST, EDGE = 0.015, 15.0  # SIFT's thresholds, laxer than Lowe's 0.04 and 10: cells are smooth


@dataclass(frozen=True)
class Fingerprint:
    """One image. Lengths are in units of its longest side, so that copies of different sizes compare.

    `points` is (K, 4) float32: x, y, size, angle in radians; `descriptors` (K, 128) uint8 (SIFT, Lowe 2004);
    `thumb` (h, w) uint8 is the stain channel with a longest side of at most 160 px; `valid` (h, w) bool is False where
    one colour fills the picture from its corners; `pixels` is a hash of size and RGB values, 16 bytes.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    thumb: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    pixels: bytes


def fingerprint(rgb: NDArray[np.uint8]) -> Fingerprint:
    """The fingerprint of an image `(H, W, 3) uint8`."""
    scaled = reduced(rgb, LONGEST_SIDE)
    filled = filled_corners(scaled)
    channel = stain_channel(scaled)
    points, descriptors = _key_points(channel, filled)
    thumb = reduced(channel, THUMB_SIDE)
    height, width = thumb.shape
    covered = cv2.resize(filled.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    valid = cv2.dilate(covered, np.ones((3, 3), np.uint8)) == 0
    return Fingerprint(points, descriptors, thumb, valid, pixel_hash(rgb))


def pixel_hash(rgb: NDArray[np.uint8]) -> bytes:
    """16 bytes that are equal where size and all RGB values are."""
    return hashlib.sha256(repr(rgb.shape).encode() + np.ascontiguousarray(rgb).tobytes()).digest()[:16]


def stain_channel(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The darkest of the three colours `(H, W) uint8`, stretched in contrast.

    All the dyes darken it, and turning the hue (in HSV) leaves it as it is.
    """
    darkest = rgb.min(axis=2)
    low, high = np.percentile(darkest[::2, ::2], (1, 99))
    if high - low < 1:
        return np.zeros_like(darkest)
    table = np.clip((np.arange(256) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(darkest, table), dtype=np.uint8)


def _key_points(channel: NDArray[np.uint8], filled: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Strong key points, spread over the picture and away from filled corners, and their descriptors."""
    sift = cv2.SIFT.create(contrastThreshold=CONTRAST, edgeThreshold=EDGE)
    allowed = cv2.dilate(filled.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    longest = max(channel.shape)
    found = _spread(sift.detect(channel, allowed.astype(np.uint8) * 255), longest)
    if not found:
        return np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8)
    points, descriptors = sift.compute(channel, found)
    rows = [
        ((key.pt[0] + 0.5) / longest, (key.pt[1] + 0.5) / longest, key.size / longest, np.deg2rad(key.angle))
        for key in points
    ]
    return np.array(rows, np.float32).reshape(-1, 4), np.asarray(descriptors).astype(np.uint8).reshape(-1, 128)


def _spread(found: Sequence[cv2.KeyPoint], longest: int) -> list[cv2.KeyPoint]:
    """The strongest of every tile, then the second strongest of every tile, and so on, up to the count for its size."""
    count = int(np.clip(0.4 * longest, FEWEST, MOST))
    if len(found) <= count:
        return list(found)
    strength = np.array([key.response for key in found])
    tile = np.floor(np.array([key.pt for key in found]) * (TILES / longest)).astype(int) @ (TILES + 1, 1)
    by_tile = np.lexsort((-strength, tile))
    first = np.searchsorted(tile[by_tile], tile[by_tile])
    rank = np.empty(len(found), int)
    rank[by_tile] = np.arange(len(found)) - first
    return [found[i] for i in np.sort(np.lexsort((-strength, rank))[:count])]
