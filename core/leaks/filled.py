"""The corners that rotation leaves without a picture, filled with one colour: they say nothing of the photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BLACK, WHITE = 12, 243  # levels that JPEG leaves of 0 and 255
SAME, STILL = 3, 0.7  # levels: how far another colour may vary, and with what standard deviation
LEAST = 30  # px: one pixel alone is always constant


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
