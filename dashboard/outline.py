"""The outlines of the cell and its nucleus, drawn on the picture."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from core.explanation.cell_mask import cell_masks
from core.explanation.scene import Scene

LIGHT, DARK = np.array([255, 255, 255], np.uint8), np.array([20, 18, 24], np.uint8)


def outlined(stamp: str, scene: Scene) -> NDArray[np.uint8]:
    """Return the scene's picture with both outlines, white beside black: seen on every stain, `(224, 224, 3) uint8`."""
    return _drawn(stamp.partition("/")[0], scene)


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _drawn(key: str, _scene: Scene) -> NDArray[np.uint8]:
    masks = cell_masks(_scene)
    drawn = _scene.picture().copy()
    for mask in (masks.cell, masks.nucleus):
        if mask is not None and mask.any():
            drawn[binary_dilation(mask, iterations=2) & ~mask] = DARK
            drawn[mask & ~binary_erosion(mask, iterations=2)] = LIGHT
    return drawn


def forget_outlines() -> None:
    """Drop this session's."""
    _drawn.clear()
