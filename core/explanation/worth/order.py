"""The order of a map's pixels, and which of them are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def relevance_order(values: NDArray[np.float32], ties: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the flat map `(S * S,)`, the most relevant first; evidence against comes last.

    Where values are equal (superpixels, the empty part of a CAM) `ties` decides, highest first: with a smooth random
    map an empty map is ordered as that one is, and no corner is favoured.
    """
    return np.lexsort((-ties.ravel(), -values.ravel())).astype(np.int64)


def first_of(order: NDArray[np.int64], share: float, side: int) -> NDArray[np.bool_]:
    """The first `share` of the order's pixels, as a mask `(side, side) bool`."""
    chosen = np.zeros(side * side, dtype=bool)
    chosen[order[: round(share * order.size)]] = True
    return chosen.reshape(side, side)


def ranks_pixels(values: NDArray[np.float32]) -> bool:
    """Whether a map has positive evidence and tells some pixels from others."""
    return bool(values.max() > 0 and values.min() < values.max())
