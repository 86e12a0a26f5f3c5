"""What is kept of an image to tell copies of it: local descriptors (SIFT, as unit vectors), a small picture, a hash of
its pixels. Corners that a rotation filled with one colour are left out."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.decoding import read_image
from core.errors import InputError
from core.preprocessing.pipeline import reduced

Tell = Callable[[str], None]

BLACK, WHITE = 12, 243  # levels that JPEG leaves of 0 and 255
SAME, STILL = 3, 0.7  # levels: how far another colour may vary, and with what standard deviation
LEAST = 30  # px: one pixel alone is always constant
LONGEST_SIDE = 640
FEWEST, MOST = 110, 256  # key points kept of a small and of a large image
THUMB_SIDE = 160
TILES = 5  # along the longest side: key points are taken from all of them in turn
CONTRAST, EDGE = 0.015, 15.0  # SIFT's thresholds, laxer than Lowe's 0.04 and 10: cells are smooth

# Where each of 4 x 4 x 8 values (row, column, orientation) comes from: across the point's own direction rows swap ends
# and orientations change sign.
_FROM = np.array(
    [(3 - row) * 32 + column * 8 + (8 - turn) % 8 for row in range(4) for column in range(4) for turn in range(8)]
)

TOLD_EVERY = 5.0  # seconds
WAVE = 256  # files in hand at once


def filled_corners(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where one colour reaches in from a corner of `(H, W, 3) uint8`: `(H, W) bool`."""
    height, width = rgb.shape[:2]
    filled = np.zeros((height, width), bool)
    for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        if not filled[y, x]:
            filled |= _one_colour(rgb, x, y)
    return filled


def _one_colour(rgb: NDArray[np.uint8], x: int, y: int) -> NDArray[np.bool_]:
    """The region of the colour at (x, y) where that is black, white or more constant than a camera's."""
    colour = rgb[y, x]
    extreme = bool(colour.max() <= BLACK or colour.min() >= WHITE)
    tolerance = (BLACK if extreme else SAME,) * 3
    seen = np.zeros((rgb.shape[0] + 2, rgb.shape[1] + 2), np.uint8)
    flags = 4 | (1 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    cv2.floodFill(rgb.copy(), seen, (x, y), (0, 0, 0), tolerance, tolerance, flags)
    region = seen[1:-1, 1:-1].astype(bool)
    if not extreme and (region.sum() < LEAST or rgb[region].std(axis=0).max() > STILL):
        region[:] = False
    return region


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


def as_mirrored(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(K, 128)` descriptors of the mirrored picture: the same values in another order."""
    return descriptors[:, _FROM]


def rooted(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(K, 128)` unit vectors whose products are Hellinger affinities, 0 to 1 (Arandjelovic and Zisserman 2012)."""
    share = descriptors.astype(np.float32)
    share /= share.sum(axis=1, keepdims=True) + 1e-6
    return np.asarray(np.sqrt(share), dtype=np.float32)


@dataclass(frozen=True)
class Fingerprints:
    """`prints` of the files that could be read, at these places of the list; reasons for the places that could not."""

    prints: list[Fingerprint]
    places: list[int]
    skipped: dict[int, str]


def read_fingerprints(paths: Sequence[Path], tell: Tell) -> Fingerprints:
    """Read and describe every file, on as many threads as there are processors."""
    found = Fingerprints([], [], {})
    told, rest = time.monotonic(), enumerate(paths)
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        while wave := list(islice(rest, WAVE)):
            for (place, _), result in zip(wave, pool.map(_print_or_reason, (path for _, path in wave)), strict=True):
                if isinstance(result, str):
                    found.skipped[place] = result
                else:
                    found.prints.append(result)
                    found.places.append(place)
            if time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                tell(f"read {wave[-1][0] + 1}/{len(paths)} images")
    return found


def _print_or_reason(path: Path) -> Fingerprint | str:
    try:
        return fingerprint(read_image(path).rgb)
    except InputError as error:
        return str(error)
