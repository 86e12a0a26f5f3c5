"""Raw maps into pictures: the last step, and the only one that scales."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.engine import Explanation
from core.explanation.method import Regions

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]

PALETTES: tuple[str, ...] = ("cividis", "viridis", "magma")  # sequential, readable by colour-blind people
# From against to for, neutral at 0. Red for and blue against, as in SHAP's figures; all three are ColorBrewer's
# diverging schemes that colour-blind people can read (Harrower & Brewer 2003).
_DIVERGING = {"blue-red": "RdBu_r", "purple-orange": "PuOr_r", "teal-brown": "BrBG_r"}
DIVERGING: tuple[str, ...] = tuple(_DIVERGING)
STYLES: tuple[str, ...] = ("map", "borders")
YELLOW = (255, 255, 0)
SATURATED = 99.0  # percentile of magnitudes that gets the last colour in signed maps of single pixels


@cache
def palette(name: str) -> NDArray[np.uint8]:
    """The 256 colours `(256, 3) uint8` of a palette, low to high; of a diverging one, 0 lies in the middle."""
    if name not in (*PALETTES, *DIVERGING):
        raise InputError(f"No palette {name!r}. Known: {', '.join((*PALETTES, *DIVERGING))}.")
    from matplotlib import colormaps

    return np.asarray(colormaps[_DIVERGING.get(name, name)](np.arange(256), bytes=True)[:, :3], dtype=np.uint8)


def picture(
    explanation: Explanation,
    label: str,
    opacity: float = 0.5,
    colours: str = "",
    scale: float | None = None,
    style: str = "map",
) -> Picture:
    """One class's map over the picture that the model saw, `(S, S, 3) uint8`, in the way that fits the method.

    Signed maps take a diverging palette, the others a sequential one; `colours` that are of the other sort give way to
    the first of the right one. `scale` is the value of the last colour, `own_scale` by default. `style`
    "borders" draws the superpixels that speak most for the class, where the method weighs superpixels.
    """
    if style not in STYLES:
        raise InputError(f"No style {style!r}. Known: {', '.join(STYLES)}.")
    if style == "borders" and explanation.regions is not None:
        return region_overlay(explanation.view, explanation.regions, explanation.classes.index(label))
    top = own_scale(explanation, label) if scale is None else scale
    draw, right, other = (signed_overlay, DIVERGING, PALETTES) if explanation.signed else (overlay, PALETTES, DIVERGING)
    return draw(explanation.view, explanation.map_of(label), opacity, _fitting(colours, right, other), top)


def own_scale(explanation: Explanation, label: str) -> float:
    """The value of the last colour of one class's map.

    The largest one; in signed maps the largest magnitude, or, of maps `by_pixel`, the one that 1 % of pixels exceed.
    """
    return _scale(explanation, explanation.map_of(label))


def shared_scale(explanation: Explanation) -> float:
    """The value of the last colour when all classes of an explanation share one scale; chosen as `own_scale`."""
    return _scale(explanation, explanation.values)


def by_pixel(explanation: Explanation) -> bool:
    """Whether a method says something of each single pixel, for and against, where a few would outshine all others."""
    fine = explanation.native.shape[1:] == explanation.view.shape[:2]
    return explanation.signed and fine and explanation.regions is None


def _scale(explanation: Explanation, values: Values) -> float:
    sizes = np.abs(values) if explanation.signed else values
    top = float(np.percentile(sizes, SATURATED)) if by_pixel(explanation) else 0.0
    return top or float(sizes.max())


def _fitting(colours: str, right: tuple[str, ...], other: tuple[str, ...]) -> str:
    default = "viridis" if right is PALETTES else right[0]
    return default if not colours or colours in other else colours


def heat(values: Values, scale: float, colours: str) -> Picture:
    """Colour a map `(S, S)`: 0 is the palette's first colour, `scale` its last, `(S, S, 3) uint8`."""
    share = np.clip(values / scale, 0, 1) if scale > 0 else np.zeros_like(values)
    return palette(colours)[np.rint(share * 255).astype(np.uint8)]


def signed_heat(values: Values, scale: float, colours: str) -> Picture:
    """Colour a map `(S, S)`: -`scale` is the palette's first colour, 0 its middle, `scale` its last."""
    share = np.clip(values / scale, -1, 1) if scale > 0 else np.zeros_like(values)
    return palette(colours)[np.rint(127.5 + 127.5 * share).astype(np.uint8)]


def overlay(
    view: Picture, values: Values, opacity: float = 0.5, colours: str = "viridis", scale: float | None = None
) -> Picture:
    """Lay a map `(S, S)`, not negative, over its picture `(S, S, 3) uint8`.

    `scale` is the value that gets the palette's last colour: the map's own maximum by default, or one shared by
    several maps. A map without evidence leaves the picture as it is, and is never stretched.
    """
    top = float(values.max()) if scale is None else scale
    if top <= 0 or not np.any(values > 0):
        return view.copy()
    return _mixed(view, heat(values, top, colours), opacity)


def signed_overlay(
    view: Picture, values: Values, opacity: float = 0.5, colours: str = DIVERGING[0], scale: float | None = None
) -> Picture:
    """Lay a map `(S, S)` with evidence for (positive) and against (negative) over its picture `(S, S, 3) uint8`.

    The colours reach from -`scale` to `scale`, by default the largest magnitude, so that 0 is always the neutral
    middle. The picture loses its own colour as `opacity` grows, or a stain's red and blue would pass for evidence: from
    0.5 on it is grey. A map that is 0 everywhere leaves the picture as it is.
    """
    top = float(np.abs(values).max()) if scale is None else scale
    if top <= 0 or not np.any(values):
        return view.copy()
    grey = (view @ np.array([0.299, 0.587, 0.114]))[..., None]
    faded = min(1.0, 2 * opacity)
    return _mixed((1 - faded) * view + faded * grey, signed_heat(values, top, colours), opacity)


def region_overlay(view: Picture, regions: Regions, class_index: int, most: int = 5) -> Picture:
    """Draw yellow borders around the superpixels that speak for a class, as LIME's figures do (Ribeiro et al. 2016).

    Those are the up to `most` superpixels of largest positive weight; where no weight is positive nothing is drawn.
    `view` is `(S, S, 3) uint8`.
    """
    from skimage.segmentation import find_boundaries

    weights = regions.weights[class_index]
    best = [index for index in np.argsort(-weights, kind="stable")[:most] if weights[index] > 0]
    drawn = view.copy()
    drawn[find_boundaries(np.isin(regions.labels, best), mode="outer")] = YELLOW
    return drawn


def _mixed(below: NDArray[np.float64] | Picture, above: Picture, opacity: float) -> Picture:
    return np.rint((1 - opacity) * below + opacity * above).astype(np.uint8)
