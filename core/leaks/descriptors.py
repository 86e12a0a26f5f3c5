"""SIFT descriptors as unit vectors, and as the mirror image of a picture has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Where each of 4 x 4 x 8 values (row, column, orientation) comes from: across the point's own direction rows swap ends
# and orientations change sign.
_FROM = np.array(
    [(3 - row) * 32 + column * 8 + (8 - turn) % 8 for row in range(4) for column in range(4) for turn in range(8)]
)


def as_mirrored(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(K, 128)` descriptors of the mirrored picture: the same values in another order."""
    return descriptors[:, _FROM]


def rooted(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(K, 128)` unit vectors whose products are Hellinger affinities, 0 to 1 (Arandjelovic and Zisserman 2012)."""
    share = descriptors.astype(np.float32)
    share /= share.sum(axis=1, keepdims=True) + 1e-6
    return np.asarray(np.sqrt(share), dtype=np.float32)
