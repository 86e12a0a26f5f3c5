"""Raw maps into pictures: the last step, and the only one that scales."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

PALETTES: tuple[str, ...] = ("cividis", "viridis", "magma")  # sequential, readable by colour-blind people


@cache
def palette(name: str) -> NDArray[np.uint8]:
    """The 256 colours `(256, 3) uint8` of a palette, low to high."""
    if name not in PALETTES:
        raise InputError(f"No palette {name!r}. Known: {', '.join(PALETTES)}.")
    from matplotlib import colormaps

    return np.asarray(colormaps[name](np.arange(256), bytes=True)[:, :3], dtype=np.uint8)


def heat(values: NDArray[np.float32], scale: float, colours: str) -> NDArray[np.uint8]:
    """Colour a map `(S, S)`: 0 is the palette's first colour, `scale` its last, `(S, S, 3) uint8`."""
    share = np.clip(values / scale, 0, 1) if scale > 0 else np.zeros_like(values)
    return palette(colours)[np.rint(share * 255).astype(np.uint8)]


def overlay(
    view: NDArray[np.uint8],
    values: NDArray[np.float32],
    opacity: float = 0.5,
    colours: str = "viridis",
    scale: float | None = None,
) -> NDArray[np.uint8]:
    """Lay a map `(S, S)`, not negative, over its picture `(S, S, 3) uint8`.

    `scale` is the value that gets the palette's last colour: the map's own maximum by default, or one shared by
    several maps. A map without evidence leaves the picture as it is, and is never stretched.
    """
    top = float(values.max()) if scale is None else scale
    if top <= 0 or not np.any(values > 0):
        return view.copy()
    mixed = (1 - opacity) * view + opacity * heat(values, top, colours)
    return np.rint(mixed).astype(np.uint8)
