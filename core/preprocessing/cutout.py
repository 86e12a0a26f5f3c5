"""The square cut-out around a cell, at one scale: what the shipped models are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.nucleus import Nucleus, find_nucleus, frame_extent

HALF_SIDE = 1.45  # of the square, in square roots of the nucleus' area
LARGEST = 1024  # px of a cut-out's side; no network takes more


@dataclass(frozen=True)
class Cutout:
    """A square cut-out: `rgb` `(side, side, 3) uint8`, its `box` `(x, y, w, h)` in the input's coordinates.

    The box may reach past the frame: what lies outside is reflected at the border. Without a nucleus `found` is False
    and the cut-out is the whole frame, squared. `nucleus` is the nucleus' mask inside the cut-out, `(side, side) bool`.
    """

    rgb: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    found: bool
    nucleus: NDArray[np.bool_]


def cut_out(rgb: NDArray[np.uint8]) -> Cutout:
    """Cut the cell nearest the centre out of `rgb` `(H, W, 3) uint8` as a square, reduced to 1,024 px where larger.

    The square's centre is the nucleus' centroid and its half side 1.45 times the square root of the nucleus' area, so
    that every cell comes at the same scale, whatever the magnification (measured: without it, models trained on one
    camera name 5 to 40 % of the cells of another).
    """
    nucleus = find_nucleus(rgb)
    x, y, width, height = frame_extent(rgb)
    if nucleus is None:
        side = max(width, height)
        box = (x - (side - width) // 2, y - (side - height) // 2, side, side)
    else:
        box = _square_around(nucleus)
    mask = nucleus.mask if nucleus is not None else np.zeros(rgb.shape[:2], dtype=bool)
    scale = min(1.0, LARGEST / box[2])
    cut, inside = _scaled(box, scale), _scaled((x, y, width, height), scale)
    cut_mask = _reflected(_reduced(mask.astype(np.uint8), scale), cut, inside, cv2.BORDER_CONSTANT) > 0
    return Cutout(
        _reflected(_reduced(rgb, scale), cut, inside, cv2.BORDER_REFLECT_101), box, nucleus is not None, cut_mask
    )


def square(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complete an image to a square, reflecting it at its shorter sides' borders: no distortion, nothing lost.

    An image longer than 1,024 px is reduced to that first.
    """
    rgb = _reduced(rgb, min(1.0, LARGEST / max(rgb.shape[:2])))
    height, width = rgb.shape[:2]
    side = max(height, width)
    box = (-((side - width) // 2), -((side - height) // 2), side, side)
    return _reflected(rgb, box, (0, 0, width, height), cv2.BORDER_REFLECT_101)


def _reduced(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scaled(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    x, y, width, height = (round(value * scale) for value in box)
    return x, y, max(1, width), max(1, height)


def _square_around(nucleus: Nucleus) -> tuple[int, int, int, int]:
    half = HALF_SIDE * float(np.sqrt(nucleus.area))
    side = max(16, round(2 * half))
    return round(nucleus.centre[0] - side / 2), round(nucleus.centre[1] - side / 2), side, side


def _reflected(
    image: NDArray[np.uint8], box: tuple[int, int, int, int], extent: tuple[int, int, int, int], border: int
) -> NDArray[np.uint8]:
    """Take `box` out of the part `extent` of `image`; `border` says what stands outside it."""
    x, y, width, height = extent
    part = image[y : y + height, x : x + width]
    left, top = box[0] - x, box[1] - y
    right, bottom = left + box[2], top + box[3]
    pads = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    padded = cv2.copyMakeBorder(part, *pads, border) if any(pads) else part
    top, left = top + pads[0], left + pads[2]
    return np.ascontiguousarray(padded[top : top + box[3], left : left + box[2]])
