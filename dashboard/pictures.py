"""Pictures as bytes: PNG for downloads (pixels alone, no metadata), data addresses for small marks in labels."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """Return `rgb` `(H, W, 3)` or `(H, W)` uint8 as a PNG that carries pixels alone."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def fitted(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Reduce a picture so that its longer side is at most `side` px; never enlarge it."""
    if max(rgb.shape[:2]) <= side:
        return rgb
    image = Image.fromarray(rgb)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)


def squared(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the largest square out of the middle, for tiles of one size."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return rgb[top : top + side, left : left + side]


def data_address(rgb: NDArray[np.uint8], side: int) -> str:
    """Return the middle square of a picture, reduced to `side` px, as a `data:` address."""
    buffer = io.BytesIO()
    Image.fromarray(fitted(squared(rgb), side)).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def strip_address(colours: NDArray[np.uint8]) -> str:
    """Return colours `(N, 3) uint8`, side by side, as a PNG in a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(np.repeat(colours[None], 4, axis=0))).decode()
