"""Where the nucleus of the cell at hand lies, found by how strongly it takes up stain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu

WORKING_SIDE = 240  # px of the shorter side at which the nucleus is sought
MINIMUM_CONTRAST = 0.2  # share of light by which a nucleus stands out from what surrounds it
AREA_LIMITS = (0.003, 0.75)  # plausible share of the frame
JOIN_DISTANCE = 0.06  # lobes closer than this share of the shorter side belong to one nucleus


@dataclass(frozen=True)
class Nucleus:
    """A nucleus: its mask `(H, W) bool` over the input, centroid `(x, y)` and area in px of the input."""

    mask: NDArray[np.bool_]
    centre: tuple[float, float]
    area: float


def frame_extent(rgb: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return `(x, y, w, h)` of the picture without black padding at its borders (two px of its soft edge included)."""
    lit = rgb.max(axis=2) > 24
    x, width = _extent(lit.mean(axis=0) > 0.5)
    y, height = _extent(lit.mean(axis=1) > 0.5)
    return x, y, width, height


def _extent(lit: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the part of a side that is lit; all of it when that leaves under half."""
    if not lit.any():
        return 0, len(lit)
    dark_before, dark_after = int(lit.argmax()), int(lit[::-1].argmax())
    start = dark_before + 2 if dark_before else 0
    stop = len(lit) - (dark_after + 2 if dark_after else 0)
    return (start, stop - start) if stop - start > len(lit) // 3 else (0, len(lit))


def stain_density(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Map an image to its nuclear stain, `(H, W) float32`, 0 (none) to 1 (opaque).

    Optical density of green + half red - half blue against the frame's own background (95th percentile of each
    channel, so that colour and strength of the light cancel), less what red absorbs above green (bluish red cells);
    then the share of light taken, 1 - exp(-density), so that a dark nucleus is one class and not two.
    """
    values = rgb.astype(np.float32) + 1.0
    background = np.percentile(values.reshape(-1, 3), 95, axis=0).astype(np.float32)
    red, green, blue = np.moveaxis(-np.log(np.minimum(values / background, 1.0)), 2, 0)
    density = np.minimum(green, 2.5 * red) - 0.5 * blue - np.maximum(red - green, 0)
    return cv2.GaussianBlur(1.0 - np.exp(-0.7 * np.maximum(density, 0.0)), (0, 0), 1.0)


def find_nucleus(rgb: NDArray[np.uint8]) -> Nucleus | None:
    """Find the nucleus of the cell nearest the centre of `rgb` `(H, W, 3) uint8`; None where there is none.

    A three-class Otsu threshold of `stain_density` separates background, cytoplasm with red cells, and nucleus; lobes
    that lie close together are one nucleus, and among several the one with most stain near the centre is taken.
    """
    x, y, width, height = frame_extent(rgb)
    frame = rgb[y : y + height, x : x + width]
    scale = min(1.0, WORKING_SIDE / min(width, height))
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if min(small.shape[:2]) < 16:
        return None
    stained = _stained_pixels(stain_density(small))
    group = _central_group(stained) if stained is not None else None
    if group is None or not AREA_LIMITS[0] <= group.mean() <= AREA_LIMITS[1]:
        return None
    mask = np.zeros(rgb.shape[:2], dtype=bool)
    resized = cv2.resize(group.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    mask[y : y + height, x : x + width] = resized > 0
    rows, columns = np.nonzero(mask)
    return Nucleus(mask, (float(columns.mean()), float(rows.mean())), float(len(rows)))


def _stained_pixels(density: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Pixels above the upper of two Otsu thresholds, or None when they do not stand out from the rest."""
    if float(density.max() - density.min()) < MINIMUM_CONTRAST:
        return None
    threshold = float(threshold_multiotsu(density, classes=3)[1])
    stained = density > threshold
    rest = float(np.median(density[~stained]))
    if float(density[stained].mean()) - rest < MINIMUM_CONTRAST:
        return None
    return stained


def _central_group(stained: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The group of close components with most stained area near the centre."""
    height, width = stained.shape
    side = min(height, width)
    opened = cv2.morphologyEx(stained.astype(np.uint8), cv2.MORPH_OPEN, _disc(max(1, round(0.008 * side))))
    joined = cv2.dilate(opened, _disc(max(1, round(JOIN_DISTANCE * side / 2))))
    count, labels = cv2.connectedComponents(joined)
    if count < 2:
        return None
    rows, columns = np.mgrid[0:height, 0:width]
    squared = (rows - (height - 1) / 2) ** 2 + (columns - (width - 1) / 2) ** 2
    weight = opened * np.exp(-squared / (2 * (0.3 * side) ** 2)) + 1e-3 * opened
    scores = np.bincount(labels.ravel(), weights=weight.ravel(), minlength=count)
    return np.asarray((labels == int(scores[1:].argmax()) + 1) & (opened > 0))


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), dtype=np.uint8)
