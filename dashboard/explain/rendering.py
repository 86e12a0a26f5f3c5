"""How maps are shown, and the pictures that come of it, remembered for as long as they are looked at; with the outlines
of the cell and its nucleus."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from core.explanation.context import ImageContext, cell_masks
from core.explanation.engine import Explanation
from core.explanation.render import YELLOW, own_scale, picture, shared_scale
from dashboard import state

MOST_PICTURES = 300  # of one session, some 20 kB each
LIGHT, DARK = np.array([255, 255, 255], np.uint8), np.array([20, 18, 24], np.uint8)


@dataclass(frozen=True)
class Look:
    """How maps are shown: `opacity` from 0 to 1; `shared` scales a model's classes together.

    `palette` is that of unsigned maps, `diverging` that of signed ones; the methods in `borders` outline superpixels.
    """

    palette: str
    diverging: str
    opacity: float
    shared: bool
    borders: tuple[str, ...] = ()

    def style(self, method: str) -> str:
        """How a method's maps are drawn: one of `core.explanation.render.STYLES`."""
        return "borders" if method in self.borders else "map"


def chosen_look() -> Look:
    """Return the choices of how maps are shown."""
    return Look(
        state.get("palette"),
        state.get("diverging"),
        state.get("opacity") / 100,
        state.get("scale") == "classes",
        state.get("borders"),
    )


def picture_of(explanation: Explanation, name: str, look: Look) -> NDArray[np.uint8]:
    """Return one class's map over the model's picture, `(S, S, 3) uint8`."""
    colours = look.diverging if explanation.signed else look.palette
    scale = shared_scale(explanation) if look.shared else own_scale(explanation, name)
    return picture(explanation, name, look.opacity, colours, scale, look.style(explanation.method))


def shown_picture(stamp: str, explanation: Explanation, name: str, look: Look) -> bytes:
    """Return the picture as a JPEG for the eye, made once a stamp (which says all that made the explanation)."""
    return _encoded(stamp, name, look, explanation)


@st.cache_resource(show_spinner=False, max_entries=MOST_PICTURES, scope="session")
def _encoded(stamp: str, name: str, look: Look, _explanation: Explanation) -> bytes:
    buffer = io.BytesIO()
    drawn = picture_of(_explanation, name, look)
    if look.style(_explanation.method) == "borders":
        drawn = emphasised(drawn)
    Image.fromarray(drawn).save(buffer, "JPEG", quality=92, subsampling=0)  # thin yellow borders keep their colour
    return buffer.getvalue()


def emphasised(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Widen yellow borders by a pixel to either side, with a dark edge: seen at a thumbnail's size, on pale smears."""
    yellow = (drawn == np.array(YELLOW, dtype=np.uint8)).all(axis=2)
    wide = binary_dilation(yellow)
    edge = binary_dilation(wide) & ~wide
    strong = drawn.copy()
    strong[edge] = strong[edge] // 3
    strong[wide] = YELLOW
    return strong


def forget_drawn_maps() -> None:
    """Drop this session's pictures."""
    _encoded.clear()


def outlined(stamp: str, context: ImageContext) -> NDArray[np.uint8]:
    """Return the context's picture with both outlines, white beside black, `(224, 224, 3) uint8`."""
    return _drawn(stamp.partition("/")[0], context)


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _drawn(key: str, _context: ImageContext) -> NDArray[np.uint8]:
    masks = cell_masks(_context)
    drawn = _context.picture().copy()
    for mask in (masks.cell, masks.nucleus):
        if mask is not None and mask.any():
            drawn[binary_dilation(mask, iterations=2) & ~mask] = DARK
            drawn[mask & ~binary_erosion(mask, iterations=2)] = LIGHT
    return drawn


def forget_outlines() -> None:
    """Drop this session's."""
    _drawn.clear()
