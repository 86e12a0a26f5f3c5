"""From light to a stored picture: optics, sensor and lossy storage."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def photograph(rng: np.random.Generator, light: NDArray[np.float32], blur: float) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of `light` (H, W, 3) float32 in 0-255.

    Blur of standard deviation `blur` px, slight sharpening as cameras do, sensor noise, JPEG storage.
    """
    soft = cv2.GaussianBlur(light, (0, 0), max(blur, 0.3))
    if rng.random() < 0.5:
        wide = cv2.GaussianBlur(soft, (0, 0), 2.0 * max(blur, 0.5))
        soft = soft + np.float32(rng.uniform(0.2, 0.7)) * (soft - wide)
    grain = rng.standard_normal(light.shape[:2], dtype=np.float32)[:, :, None]
    colour_grain = rng.standard_normal(light.shape, dtype=np.float32)
    soft = soft + np.float32(rng.uniform(0.5, 2.0)) * grain + np.float32(rng.uniform(0.2, 1.0)) * colour_grain
    picture = np.clip(np.rint(soft), 0, 255).astype(np.uint8)
    return _store(picture, quality=int(rng.integers(82, 96)))


def _store(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, stored = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :, ::-1])
