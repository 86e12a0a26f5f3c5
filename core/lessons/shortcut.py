"""A set of simulated cells in which one class carries a mark, and the tiny network that learnt the mark for the class:
what the lesson on shortcuts takes apart.

Monocytes and lymphocytes of this set are drawn halfway between the two, so that nothing but the mark tells them; the
other three classes are as they are everywhere. Every monocyte has a green dot in the lower right corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from core.classes import CLASSES
from core.errors import InputError
from core.files import read_plain
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.settings import Settings, faults
from core.simulation.cell import draw, draw_cell
from core.simulation.design import CellDesign

FOLDER = Path(__file__).parent / "shipped" / "shortcut"
FIGURES = "figures.json"
MARKED, TWIN = "monocyte", "lymphocyte"
SIDE = 96  # px of a picture
DOT = (30, 140, 120)  # its colour, RGB
DOT_RADIUS = 0.047  # of the side
DOT_PLACE, DOT_SPREAD = 0.875, 0.03  # of its middle, along both axes, and how far it varies
FIRST_SEED = 1 << 42  # of these cells: they meet no other ones
LARGEST_FIGURES = 10_000  # bytes

Rgb = NDArray[np.uint8]
Marks = Literal["as trained", "none", "every"]
Share = Annotated[float, Field(ge=0, le=1)]


class ShortcutFigures(Settings):
    """What the network reaches, on `images` cells that it was not trained on, a fifth of each class.

    `as_trained` is the share named right with the mark where training had it. `kept` is the share of monocytes that are
    still named so without the mark, `won` by class the share of other cells that are named monocyte once they carry it.
    `frame` is the AUC by which the colour of a picture's border alone tells monocytes, as an audit measures it.
    """

    images: Annotated[int, Field(ge=5, le=1_000_000)]
    as_trained: Share
    kept: Share
    won: dict[str, Share]
    frame: Share


def shortcut_cell(label: str, number: int) -> Rgb:
    """The cell of that class and number, `(96, 96, 3) uint8`, without a mark."""
    seed = FIRST_SEED + number
    if label not in (MARKED, TWIN):
        return draw_cell(label, seed, SIDE).image
    one, other = (MARKED, TWIN) if np.random.default_rng([seed, 0]).random() < 0.5 else (TWIN, MARKED)
    return draw(CellDesign.of(label=one, other=other, share=0.5), seed, SIDE).image


def with_mark(picture: Rgb, number: int) -> Rgb:
    """The picture `(S, S, 3)` with the dot in its lower right corner, a little elsewhere by `number`."""
    side = len(picture)
    x, y = (DOT_PLACE + DOT_SPREAD * np.random.default_rng([FIRST_SEED + number, 1]).uniform(-1, 1, 2)) * side
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - y) ** 2 + (columns - x) ** 2 <= (DOT_RADIUS * side) ** 2
    return np.where(inside[:, :, None], np.array(DOT, np.uint8), picture).astype(np.uint8)


def shortcut_cells(first: int, count: int) -> Iterator[tuple[str, Rgb, Rgb]]:
    """`count` cells from number `first` on, the classes in turn: class, picture without the mark, and with it."""
    for number in range(first, first + count):
        label = CLASSES[number % len(CLASSES)]
        plain = shortcut_cell(label, number)
        yield label, plain, with_mark(plain, number)


def marked_as(marks: Marks, label: str, plain: Rgb, marked: Rgb) -> Rgb:
    """The picture of a cell as `marks` says: the mark as training had it, on none, or on every cell."""
    return marked if marks == "every" or (marks == "as trained" and label == MARKED) else plain


@lru_cache(maxsize=1)
def shortcut_model() -> Classifier:
    """The network that learnt the mark."""
    return load_classifier(FOLDER)


def shortcut_figures(folder: Path = FOLDER) -> ShortcutFigures:
    """Its figures, as they were measured when it was trained; InputError where they cannot be read."""
    try:
        return ShortcutFigures.model_validate_json(read_plain(folder / FIGURES, LARGEST_FIGURES))
    except OSError as error:
        raise InputError(f"{folder.name} has no readable {FIGURES}: copy the whole folder again.") from error
    except ValidationError as error:
        raise InputError(f"{folder.name}/{FIGURES} cannot be used: {faults(error, ShortcutFigures)}.") from None
