"""Changes to one part of a cell: a drawn one, drawn again without the part or with another, and a real one, changed
within a mask. All else stays as it is, to the pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.context import ImageContext, cell_masks
from core.simulation import CellDesign, SimulatedCell, draw
from core.simulation.stain import PALETTES

Mask = NDArray[np.bool_]
Rgb = NDArray[np.uint8]
Region = Callable[[SimulatedCell, SimulatedCell], Mask]

REACH = 3.0  # standard deviations of the optical blur that a part's light is carried into
SOFT = 0.05  # of the picture's side: standard deviation of the blur that hides what is in a mask


@dataclass(frozen=True)
class Intervention:
    """A change to a drawn cell: what it sets, and where it may show, of the cell before and after.

    `grows` tells whether what the optics carry over the region's edge belongs to it.
    """

    name: str
    title: str
    changes: Mapping[str, Any]
    region: Region
    grows: bool = True


def _nuclei(before: SimulatedCell, after: SimulatedCell) -> Mask:
    return before.nucleus | after.nucleus


def _granules(before: SimulatedCell, after: SimulatedCell) -> Mask:
    return before.granules | after.granules


def _cytoplasm(before: SimulatedCell, after: SimulatedCell) -> Mask:
    return before.cytoplasm & ~before.granules


def _outside(before: SimulatedCell, after: SimulatedCell) -> Mask:
    return ~(before.nucleus | before.cytoplasm)


REMOVALS: dict[str, Intervention] = {
    "nucleus": Intervention("no-nucleus", "Nucleus taken out", {"nucleus": "none"}, _nuclei),
    "granules": Intervention("no-granules", "Granules taken out", {"granules": 0.0}, _granules),
    "cytoplasm": Intervention("no-cytoplasm", "Cytoplasm made clear", {"cytoplasm_density": 0.0}, _cytoplasm),
    "surroundings": Intervention("no-red-cells", "Red cells taken out", {"red_cells": 0.0}, _outside, False),
}
"""By part: the change that takes it away."""

_ALL = (
    *REMOVALS.values(),
    Intervention("filled-lobes", "Lobes filled in", {"filling": 1.0}, _nuclei),
    *(
        Intervention(f"nucleus-{name}", f"Nucleus of a {name}", {"nucleus": name, "lobes": 0}, _nuclei)
        for name in CLASSES
    ),
    *(
        Intervention(
            f"background-{one.name}", f"Background of the {one.name} stain", {"background": one.name}, _outside, False
        )
        for one in PALETTES
    ),
)
INTERVENTIONS: dict[str, Intervention] = {one.name: one for one in _ALL}


def intervene(design: CellDesign, cell: SimulatedCell, name: str) -> Rgb:
    """A cell `(S, S, 3) uint8` after an intervention; `design` is what `cell` was drawn by.

    Outside the intervention's region (grown by what the optics carry over its edge) it is the cell before, pixel for
    pixel. InputError where there is no such intervention.
    """
    if name not in INTERVENTIONS:
        raise InputError(f"No intervention {name!r}. Known: {', '.join(INTERVENTIONS)}.")
    return _after(INTERVENTIONS[name], design, cell)


def without_part(design: CellDesign, cell: SimulatedCell, part: str) -> Rgb:
    """A drawn cell without one of `REMOVALS`; `design` is what it was drawn by."""
    return _after(REMOVALS[part], design, cell)


def _after(what: Intervention, design: CellDesign, before: SimulatedCell) -> Rgb:
    after = draw(design.revised(**what.changes), before.seed, before.image.shape[0])
    shown = affected(what.region(before, after), before.blur) if what.grows else what.region(before, after)
    return np.where(shown[:, :, None], after.image, before.image)


def affected(region: Mask, blur: float) -> Mask:
    """A region `(S, S)` and what an optical blur of standard deviation `blur` px carries it into."""
    reach = int(np.ceil(REACH * blur)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(region.astype(np.uint8), np.asarray(disc, dtype=np.uint8)) > 0)


PLACES: tuple[str, ...] = ("nucleus", "cytoplasm", "background")
WAYS: dict[str, str] = {"blur": "blurred", "recolour": "in the opposite hue", "paint": "painted over"}


def estimated_parts(rgb: Rgb) -> dict[str, Mask]:
    """Where nucleus, cytoplasm and background of a cell are thought to lie in `rgb` `(H, W, 3)`, `(H, W) bool` each.

    InputError where no cell is found.
    """
    masks = cell_masks(ImageContext(rgb))
    if not masks.found or masks.nucleus is None:
        raise InputError(
            "No cell is found in this picture, so that there is no part to change. Choose another picture."
        )
    size = rgb.shape[1], rgb.shape[0]
    cell, nucleus = (
        np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
        for mask in (masks.cell, masks.nucleus)
    )
    return {"nucleus": nucleus, "cytoplasm": cell & ~nucleus, "background": ~(cell | nucleus)}


def change_within(rgb: Rgb, parts: Mapping[str, Mask], place: str, way: str) -> Rgb:
    """A picture `(H, W, 3)` whose `place` (one of PLACES) was changed in a way (of WAYS); all else is as it was.

    "blur" smooths by 5 % of the shorter side, without anything from outside the part; "recolour" turns the hue by half
    a circle at the same lightness (CIELAB); "paint" lays the mean colour of what lies next to the part over it: that
    of the cytoplasm over the nucleus, that of the background over the others.
    """
    if place not in PLACES or way not in WAYS:
        raise InputError(f"No change {way!r} of {place!r}. Parts: {', '.join(PLACES)}; ways: {', '.join(WAYS)}.")
    inside = parts[place]
    if not inside.any():
        return rgb
    if way == "blur":
        changed = _blurred(rgb, inside)
    elif way == "recolour":
        changed = _other_hue(rgb)
    else:
        beside = parts["cytoplasm" if place == "nucleus" and parts["cytoplasm"].any() else "background"]
        colour = rgb[beside].mean(axis=0) if beside.any() else rgb[inside].mean(axis=0)
        changed = np.broadcast_to(np.rint(colour).astype(np.uint8), rgb.shape)
    return np.where(inside[:, :, None], changed, rgb)


def _blurred(rgb: Rgb, inside: Mask) -> Rgb:
    sigma, weight = SOFT * min(rgb.shape[:2]), inside.astype(np.float32)
    total = cv2.GaussianBlur(rgb.astype(np.float32) * weight[:, :, None], (0, 0), sigma)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6)[:, :, None]
    return np.clip(np.rint(total / share), 0, 255).astype(np.uint8)


def _other_hue(rgb: Rgb) -> Rgb:
    lab = np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    lab[:, :, 1:] *= -1
    return np.clip(np.rint(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)), 0, 255).astype(np.uint8)
