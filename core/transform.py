"""From RGB pictures to the tensor that a network takes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLOOR = 0.05  # added to the standard deviation, so that an even image is not blown up into noise


def resize(rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize `(H, W, 3) uint8` to `(size, size, 3)`: area averaging when shrinking, linear when enlarging."""
    shrinks = min(rgb.shape[:2]) > size
    resized = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def to_tensor(views: Sequence[NDArray[np.uint8]], size: int) -> Tensor:
    """Stack RGB pictures of any size into `(N, 3, size, size) float32`, standardised per image."""
    stacked = np.stack([resize(view, size) for view in views])  # (N, S, S, 3)
    return standardise(torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255.0)


def standardise(images: Tensor) -> Tensor:
    """Bring each channel of each image `(N, 3, S, S)` in [0, 1] to mean 0 and deviation about 1.

    The statistics are the image's own, so that a shift of light or of stain strength does not reach the network.
    """
    mean = images.mean(dim=(2, 3), keepdim=True)
    deviation = images.std(dim=(2, 3), keepdim=True)
    return ((images - mean) / (deviation + FLOOR)).contiguous(memory_format=torch.channels_last)
