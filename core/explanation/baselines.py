"""What stands where a picture is hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.cell_mask import cell_masks
from core.explanation.controls import Control
from core.explanation.scene import SIDE, Scene
from core.explanation.superpixels import superpixels
from core.transform import resize

Picture = NDArray[np.uint8]
BLUR = 1 / 8  # standard deviation of the blur, as a share of the side
EMPTY = 90  # percentile of the pixels' darkest channel above which the smear's empty field is taken to lie
MARGIN = 5  # px around the cell that are painted over with it: its halo
REGION_MEAN = "region-mean"
REACH = 3  # px, of Telea's method


def baseline(scene: Scene, name: str, side: int) -> Picture:
    """The picture `(side, side, 3) uint8` that shows where the original is hidden.

    `name` is one of BASELINES or, for REGION_MEAN, what `of_superpixels` returned.
    """
    if name.startswith(REGION_MEAN + "/"):
        _, cut, regions = name.split("/")
        return scene.shared(("baseline", name, side), lambda: _region_mean(scene, cut, int(regions), side))
    if name not in BASELINES:
        raise InputError(f"No baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")
    full = scene.shared(("baseline", name), lambda: BASELINES[name](scene))
    return resize(full, side)


def of_superpixels(name: str, cut: str, regions: int) -> str:
    """The name of a baseline beside superpixels: REGION_MEAN's says of which superpixels, the others stay."""
    return f"{name}/{cut}/{regions}" if name == REGION_MEAN else name


def _region_mean(scene: Scene, cut: str, regions: int, side: int) -> Picture:
    """Each superpixel's mean colour: what lime shows when no colour is given to it."""
    labels, values = superpixels(scene, cut, regions, side).ravel(), scene.picture(side).reshape(-1, 3)
    areas = np.maximum(np.bincount(labels), 1)
    means = np.stack([np.bincount(labels, values[:, channel]) / areas for channel in range(3)], axis=1)
    return means[labels].astype(np.uint8).reshape(side, side, 3)  # cut off, as lime does


def _blur(scene: Scene) -> Picture:
    return np.asarray(cv2.GaussianBlur(scene.picture(), (0, 0), BLUR * SIDE), dtype=np.uint8)


def _mean(scene: Scene) -> Picture:
    return np.full_like(scene.picture(), np.rint(scene.picture().mean(axis=(0, 1))))


def _inpaint(scene: Scene) -> Picture:
    """The cell painted over from its surroundings (Telea 2004); the blurred picture where no cell was found."""
    masks = cell_masks(scene)
    if not masks.found or masks.cell.all():
        return _blur(scene)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    cell = cv2.dilate(masks.cell.astype(np.uint8), around)
    if cell.all():
        cell = masks.cell.astype(np.uint8)
    return np.asarray(cv2.inpaint(scene.picture(), cell, REACH, cv2.INPAINT_TELEA), dtype=np.uint8)


def _smear(scene: Scene) -> Picture:
    """The empty field's colour: the median of the pixels that are bright in every channel."""
    pixels = scene.picture().reshape(-1, 3)
    darkest = pixels.min(axis=1)
    field = pixels[darkest >= np.percentile(darkest, EMPTY)]
    return np.full_like(scene.picture(), np.rint(np.median(field, axis=0)))


BASELINES: dict[str, Callable[[Scene], Picture]] = {
    "blur": _blur,
    "mean": _mean,
    "inpaint": _inpaint,
    "smear": _smear,
}
BASELINE = Control(
    "baseline",
    "Hidden parts show",
    "choice",
    "blur",
    "What stands where the picture is hidden: the picture blurred, its mean colour, the cell painted over from its "
    "surroundings, or the colour of the smear's empty field.",
    choices=tuple(BASELINES),
)
REGION_BASELINE = replace(
    BASELINE,
    help=f"{BASELINE.help[:-1]}; or each superpixel's own mean colour, as lime does by itself.",
    choices=(*BASELINES, REGION_MEAN),
)
