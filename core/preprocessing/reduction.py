"""Pictures made smaller before work that needs no more."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`(H, W) or (H, W, 3) uint8`, reduced to a longest side of `side` px where it is larger (area averaging)."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
