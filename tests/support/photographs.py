"""Made-up photographs, and copies of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.simulation import draw_field

Picture = NDArray[np.uint8]


def photograph(seed: int) -> Picture:
    """A simulated smear, other for every seed."""
    return np.asarray(draw_field(seed), dtype=np.uint8)


def turned(rgb: Picture, degrees: float) -> Picture:
    """Turned about its middle, the corners filled with black."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1)
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height)), dtype=np.uint8)


def hue_turned(rgb: Picture, by: int) -> Picture:
    """The hue turned by `by` of 256."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] = ((hsv[..., 0].astype(int) + by) % 256).astype(np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), dtype=np.uint8)


def grey(rgb: Picture) -> Picture:
    """Without colour."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


def save(rgb: Picture, path: Path, **options: int) -> Path:
    """Write the picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, **options)
    return path
