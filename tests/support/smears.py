"""Pictures whose cells are known exactly: discs of flat colour."""

from __future__ import annotations

import numpy as np

FIELD = (214, 212, 214)
NUCLEUS = (120, 100, 200)  # between the paper's bounds
CYTOPLASM = (190, 150, 215)
RED_CELL = (205, 150, 145)


def field(height: int = 240, width: int = 320) -> np.ndarray:
    """An empty field."""
    return np.full((height, width, 3), FIELD, dtype=np.uint8)


def disc(shape: tuple[int, ...], x: float, y: float, radius: float) -> np.ndarray:
    """The mask of a disc."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def paint(rgb: np.ndarray, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> np.ndarray:
    """Paint a disc into `rgb` and return its mask."""
    mask = disc(rgb.shape, x, y, radius)
    rgb[mask] = colour
    return mask


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """IoU of two masks."""
    return float((first & second).sum() / (first | second).sum())
