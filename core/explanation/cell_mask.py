"""Where the cell and its nucleus lie in a scene."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.explanation.scene import SIDE, Scene, nbytes_of
from core.preprocessing.nucleus import find_nucleus
from core.preprocessing.outline import outline_cell

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CellMasks:
    """Masks `(224, 224) bool` of the whole cell, nucleus included, and of its nucleus.

    `estimated` tells whether the cell was outlined by the preprocessing pipeline rather than given by the reader; the
    nucleus is always an estimate, None where a cell was given and no nucleus was found in it. `found` is False where
    there is no cell: both masks are empty then.
    """

    cell: Mask
    nucleus: Mask | None
    estimated: bool
    found: bool

    @property
    def nbytes(self) -> int:
        """Of the masks."""
        return nbytes_of(self.cell, self.nucleus)


def cell_masks(scene: Scene) -> CellMasks:
    """The scene's masks, made once: the reader's own where one was given, else estimated from the picture."""
    return scene.shared(("cell masks",), lambda: _given(scene) if scene.given_mask is not None else _estimated(scene))


def scaled_mask(mask: Mask, side: int) -> Mask:
    """Bring a mask `(h, w) bool` to `(side, side)`: a pixel belongs where half of its area does."""
    if mask.shape == (side, side):
        return mask
    shrinks = min(mask.shape) > side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    share = cv2.resize(mask.astype(np.float32), (side, side), interpolation=method)
    return np.asarray(share >= 0.5)


def _given(scene: Scene) -> CellMasks:
    assert scene.given_mask is not None
    cell = scaled_mask(scene.given_mask, SIDE)
    found = find_nucleus(scene.picture()) if cell.any() else None
    nucleus = cell & found.mask if found is not None else None
    if nucleus is not None and not nucleus.any():
        nucleus = None
    if not cell.any():
        nucleus = np.zeros_like(cell)
    return CellMasks(cell, nucleus, estimated=False, found=bool(cell.any()))


def _estimated(scene: Scene) -> CellMasks:
    nucleus = find_nucleus(scene.picture())
    if nucleus is None:
        nothing = np.zeros((SIDE, SIDE), dtype=bool)
        return CellMasks(nothing, nothing, estimated=True, found=False)
    return CellMasks(outline_cell(scene.picture(), nucleus), nucleus.mask, estimated=True, found=True)
