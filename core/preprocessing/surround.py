"""What surrounds the field in a picture taken through an eyepiece, or a cell that was cut out: a black or even area of
any shape that reaches the border. It is no part of the smear, and must not be taken for stain."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

SIDE = 240  # px of the shorter side at which the surround is sought
DARK = 48  # brightest channel below which a pixel is dark; a nucleus keeps more blue than that
EVEN = 8  # levels by which an even surround's pixels may differ from its corner
GRAIN = 2.0  # largest standard deviation of an even surround: a smear is never so flat over so much of a picture
DARKER = 0.85  # of the green of the empty field, above which an even area is the field's own empty background
LEAP = 20  # levels by which the field next to an even surround differs from it
SMALLEST = 0.015  # share of the picture under which a dark area at the border is a cell, or dirt
RIM = 0.02  # of the shorter side: the soft edge that is taken with it
MOST = 0.97  # share of the picture above which everything would be surround: a picture of nothing


def surround(rgb: NDArray[np.uint8]) -> Mask:
    """Find the surround of `rgb` `(H, W, 3) uint8`: `(H, W) bool`, all False where the field fills the picture."""
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE / min(height, width))
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = _dark(small) | _even(small)
    if not found.any() or found.mean() > MOST:
        return np.zeros((height, width), dtype=bool)
    reach = 2 * (1 + round(RIM * min(small.shape[:2]))) + 1
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)), dtype=np.uint8)
    grown = cv2.dilate(found.astype(np.uint8), kernel)
    return np.asarray(cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def field_of(rgb: NDArray[np.uint8]) -> Mask:
    """The pixels of `rgb` `(H, W, 3)` that are not its surround; all where hardly any would be left."""
    field = ~surround(rgb)
    return field if field.mean() > 1 - MOST else np.ones_like(field)


def _dark(small: NDArray[np.uint8]) -> Mask:
    """Dark areas that reach the border, each of some size."""
    dark = small.max(axis=2) < DARK
    count, labels, facts, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    large = facts[:, cv2.CC_STAT_AREA] >= SMALLEST * dark.size
    keeps = np.isin(np.arange(count), border) & large
    keeps[0] = False
    return np.asarray(keeps[labels])


def _even(small: NDArray[np.uint8]) -> Mask:
    """The area of one even colour, darker than the field, that fills at least two corners."""
    height, width = small.shape[:2]
    corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
    best = np.zeros((height, width), dtype=bool)
    for corner in corners:
        area = _flooded(small, corner)
        if sum(bool(area[y, x]) for x, y in corners) >= 2 and area.sum() > best.sum() and _is_surround(small, area):
            best = area
    return best


def _flooded(small: NDArray[np.uint8], corner: tuple[int, int]) -> Mask:
    """What is connected with a corner, over the border too, and of its colour."""
    framed = cv2.copyMakeBorder(
        small, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=[int(v) for v in small[corner[1], corner[0]]]
    )
    marks = np.zeros((framed.shape[0] + 2, framed.shape[1] + 2), dtype=np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    cv2.floodFill(framed, marks, (0, 0), 0, (EVEN,) * 3, (EVEN,) * 3, flags)
    return np.asarray(marks[2:-2, 2:-2] > 0)


def _is_surround(small: NDArray[np.uint8], area: Mask) -> bool:
    """Whether an area at the corners is flatter than any smear, and darker than the field."""
    if area.mean() < 2 * SMALLEST or area.mean() > MOST:
        return False
    inner = cv2.erode(area.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)) > 0
    if not inner.any() or float(small[inner].std(axis=0).max()) > GRAIN:
        return False
    if not _sharp(small, area):
        return False
    field = np.percentile(small[~area][:, 1], 90)  # green: stain of any kind takes it up, the empty field does not
    return bool(small[area][:, 1].mean() < DARKER * field)


def _sharp(small: NDArray[np.uint8], area: Mask) -> bool:
    """Whether the colour leaps at the area's edge; where light falls off gently, the field goes on."""
    kernel = np.ones((7, 7), dtype=np.uint8)
    ring = (cv2.dilate(area.astype(np.uint8), kernel) > 0) & (cv2.dilate(area.astype(np.uint8), kernel[:3, :3]) == 0)
    if not ring.any():
        return False
    leap = np.abs(small[ring].astype(float) - small[area].mean(axis=0)).max(axis=1)
    return bool((leap > LEAP).mean() > 0.8)
