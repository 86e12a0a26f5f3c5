"""What expected gradients compare a picture with: a fixed set of simulated cells, or one picture made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.explanation.baselines import BASELINES, baseline
from core.explanation.scene import SIDE, Scene
from core.preprocessing.framing import frame_image
from core.simulation.cell import draw_cell
from core.transform import resize

Picture = NDArray[np.uint8]

# Seeds from 500,000 up to 999,999: the gallery's lie below 100, training's start at 1,000,000, samples' at 2^40.
FIRST_BACKGROUND_SEED = 500_000
SETS: dict[str, int] = {"cells": 25, "many-cells": 100}
BACKGROUNDS: tuple[str, ...] = (*SETS, *BASELINES)


@dataclass(frozen=True, eq=False)
class Background:
    """The pictures called `name`, `count` of them, made when first asked for.

    `framing` is how cells were cut out, as the model's training pictures were.
    """

    name: str
    framing: str
    scene: Scene

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return SETS.get(self.name, 1)

    def picture(self, number: int, side: int = SIDE) -> Picture:
        """Picture `number`, from 0, as a model of input `side` takes it: `(side, side, 3) uint8`."""
        if self.name in SETS:
            return resize(_cell(number, self.framing), side)
        return baseline(self.scene, self.name, side)

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


def background(scene: Scene, name: str, framing: str = "cell") -> Background:
    """The background `name`, one of BACKGROUNDS, for a scene; InputError for an unknown one."""
    if name not in BACKGROUNDS:
        raise InputError(f"No background {name!r}. Choose one of: {', '.join(BACKGROUNDS)}.")
    return Background(name, framing, scene)


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
