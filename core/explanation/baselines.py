"""What stands in for a picture: baselines where part of it is hidden, and the backgrounds that expected gradients
compare it with (simulated cells, or one picture made from it)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.context import SIDE, ImageContext, cell_masks
from core.explanation.method import MethodSettings
from core.explanation.superpixels import SuperpixelSettings, superpixels
from core.models.classifier import resize
from core.preprocessing.framing import frame_image
from core.settings import choice_field
from core.simulation.cell import draw_cell

Picture = NDArray[np.uint8]

BLUR = 1 / 8  # standard deviation of the blur, as a share of the side
EMPTY = 90  # percentile of the pixels' darkest channel above which the smear's empty field is taken to lie
MARGIN = 5  # px around the cell that are painted over with it: its halo
REGION_MEAN = "region-mean"
REACH = 3  # px, of Telea's method

# Seeds from 500,000 up to 999,999: the gallery's lie below 100, training's start at 1,000,000, samples' at 2^40.
FIRST_BACKGROUND_SEED = 500_000

SETS: dict[str, int] = {"cells": 25, "many-cells": 100}


def baseline(context: ImageContext, name: str, side: int) -> Picture:
    """The picture `(side, side, 3) uint8` that shows where the original is hidden.

    `name` is one of BASELINES or, for REGION_MEAN, what `of_superpixels` returned.
    """
    if name.startswith(REGION_MEAN + "/"):
        _, cut, regions = name.split("/")
        return context.shared(("baseline", name, side), lambda: _region_mean(context, cut, int(regions), side))
    if name not in BASELINES:
        raise InputError(f"No baseline {name!r}. Choose one of: {', '.join(BASELINES)}.")
    full = context.shared(("baseline", name), lambda: BASELINES[name](context))
    return resize(full, side)


def of_superpixels(name: str, cut: str, regions: int) -> str:
    """The name of a baseline beside superpixels: REGION_MEAN's says of which superpixels, the others stay."""
    return f"{name}/{cut}/{regions}" if name == REGION_MEAN else name


def _region_mean(context: ImageContext, cut: str, regions: int, side: int) -> Picture:
    """Each superpixel's mean colour: what lime shows when no colour is given to it."""
    labels, values = superpixels(context, cut, regions, side).ravel(), context.picture(side).reshape(-1, 3)
    areas = np.maximum(np.bincount(labels), 1)
    means = np.stack([np.bincount(labels, values[:, channel]) / areas for channel in range(3)], axis=1)
    return means[labels].astype(np.uint8).reshape(side, side, 3)  # cut off, as lime does


def _blur(context: ImageContext) -> Picture:
    return np.asarray(cv2.GaussianBlur(context.picture(), (0, 0), BLUR * SIDE), dtype=np.uint8)


def _mean(context: ImageContext) -> Picture:
    return np.full_like(context.picture(), np.rint(context.picture().mean(axis=(0, 1))))


def _inpaint(context: ImageContext) -> Picture:
    """The cell painted over from its surroundings (Telea 2004); the blurred picture where no cell was found."""
    masks = cell_masks(context)
    if not masks.found or masks.cell.all():
        return _blur(context)
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    cell = cv2.dilate(masks.cell.astype(np.uint8), around)
    if cell.all():
        cell = masks.cell.astype(np.uint8)
    return np.asarray(cv2.inpaint(context.picture(), cell, REACH, cv2.INPAINT_TELEA), dtype=np.uint8)


def _smear(context: ImageContext) -> Picture:
    """The empty field's colour: the median of the pixels that are bright in every channel."""
    pixels = context.picture().reshape(-1, 3)
    darkest = pixels.min(axis=1)
    field = pixels[darkest >= np.percentile(darkest, EMPTY)]
    return np.full_like(context.picture(), np.rint(np.median(field, axis=0)))


BASELINES: dict[str, Callable[[ImageContext], Picture]] = {
    "blur": _blur,
    "mean": _mean,
    "inpaint": _inpaint,
    "smear": _smear,
}

HIDDEN = (
    "What stands where the picture is hidden: the picture blurred, its mean colour, the cell painted over from its "
    "surroundings, or the colour of the smear's empty field"
)


class BaselineSettings(MethodSettings):
    """Settings of a method that hides pixels."""

    baseline: Literal["blur", "mean", "inpaint", "smear"] = choice_field("blur", "Hidden parts show", f"{HIDDEN}.")


class RegionSettings(SuperpixelSettings):
    """Settings of a method that hides superpixels."""

    baseline: Literal["blur", "mean", "inpaint", "smear", "region-mean"] = choice_field(
        "blur", "Hidden parts show", f"{HIDDEN}; or each superpixel's own mean colour, as lime does by itself."
    )


BACKGROUNDS: tuple[str, ...] = (*SETS, *BASELINES)


@dataclass(frozen=True, eq=False)
class Background:
    """The pictures called `name`, `count` of them, made when first asked for.

    `framing` is how cells were cut out, as the model's training pictures were.
    """

    name: str
    framing: str
    context: ImageContext

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return SETS.get(self.name, 1)

    def picture(self, number: int, side: int = SIDE) -> Picture:
        """Picture `number`, from 0, as a model of input `side` takes it: `(side, side, 3) uint8`."""
        if self.name in SETS:
            return resize(_cell(number, self.framing), side)
        return baseline(self.context, self.name, side)

    def pictures(self, numbers: Iterable[int], side: int) -> Picture:
        """The pictures `numbers`, `(n, side, side, 3) uint8`."""
        return np.stack([self.picture(int(number), side) for number in numbers])

    @property
    def digest(self) -> str:
        """SHA-256 of all pictures, before they are brought to a model's side, and of their sizes."""
        if self.name in SETS:
            return _digest_of_cells(self.count, self.framing)
        return _digest([self.picture(0)])

    @property
    def sentence(self) -> str:
        """What the pictures are, for the reader."""
        if self.name in SETS:
            return f"{self.count} simulated cells, SHA-256 {self.digest[:12]}"
        return f"one picture, the {self.name} of this one, SHA-256 {self.digest[:12]}"


def background(context: ImageContext, name: str, framing: str = "cell") -> Background:
    """The background `name`, one of BACKGROUNDS, for a context; InputError for an unknown one."""
    if name not in BACKGROUNDS:
        raise InputError(f"No background {name!r}. Choose one of: {', '.join(BACKGROUNDS)}.")
    return Background(name, framing, context)


def contact_sheet(shown: Background, side: int = 72, gap: int = 4) -> Picture:
    """All pictures of a background in one, row by row, `(h, w, 3) uint8`, white between them; a row has each class."""
    columns = min(shown.count, len(CLASSES) * max(1, round(shown.count**0.5 / len(CLASSES))))
    rows = -(-shown.count // columns)
    sheet = np.full((rows * (side + gap) - gap, columns * (side + gap) - gap, 3), 255, dtype=np.uint8)
    for number in range(shown.count):
        row, column = divmod(number, columns)
        top, left = row * (side + gap), column * (side + gap)
        sheet[top : top + side, left : left + side] = shown.picture(number, side)
    return sheet


@lru_cache(maxsize=2 * max(SETS.values()))
def _cell(number: int, framing: str) -> Picture:
    """Simulated cell `number`, framed; classes take turns, so that every multiple of five cells is balanced."""
    turn, place = divmod(number, len(CLASSES))
    rgb = frame_image(draw_cell(CLASSES[place], FIRST_BACKGROUND_SEED + turn).image, framing).rgb
    rgb.flags.writeable = False
    return rgb


@lru_cache(maxsize=16)
def _digest_of_cells(count: int, framing: str) -> str:
    return _digest([_cell(number, framing) for number in range(count)])


def _digest(pictures: Sequence[Picture]) -> str:
    whole = hashlib.sha256()
    for picture in pictures:
        whole.update(repr(picture.shape).encode())
        whole.update(picture.tobytes())
    return whole.hexdigest()
