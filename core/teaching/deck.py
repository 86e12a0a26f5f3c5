"""The cells of a session: simulated ones by class and difficulty, the gallery's, or pictures that a teacher brings.
Each is kept as a PNG of pixels alone: no name, no metadata, nothing that tells the class."""

from __future__ import annotations

import io
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.classes import CLASSES
from core.decoding import decode
from core.errors import InputError
from core.simulation import draw_cell, gallery

FIRST_SEED = 1 << 41  # of simulated cells here: they meet no other ones
SEEDS = 1 << 31
SIDE = 336  # px a side of a simulated cell
LARGEST_SIDE = 900  # px that a picture's longer side is reduced to
MOST_CELLS = 60  # of a deck
MOST_DECK_BYTES = 60 * 2**20
DIFFICULTIES: dict[str, tuple[float, float]] = {
    "easy": (0.0, 0.0),
    "medium": (0.008, 0.3),
    "hard": (0.016, 0.6),
}
"""By name: blur, as a share of the picture's side, and the share of colour that is taken away."""

MORPHOLOGY = {
    "basophil": "Coarse dark granules over cytoplasm and nucleus, which they often hide.",
    "eosinophil": "Even, large, orange-red granules; a nucleus of mostly two lobes.",
    "lymphocyte": "Small; a round, dense nucleus that fills nearly all of the cell; a narrow rim of blue cytoplasm.",
    "monocyte": "Large; a folded or kidney-shaped nucleus of fine chromatin; grey-blue cytoplasm, often with vacuoles.",
    "neutrophil": "A nucleus of two to five lobes on thin strands; pale cytoplasm with fine, pale granules.",
}


@dataclass(frozen=True)
class DeckCell:
    """One cell: its picture as `png`, its class where known, where it comes from (for the teacher), and a note."""

    png: bytes
    label: str | None
    source: str
    note: str = ""

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The picture, `(H, W, 3) uint8`."""
        return np.array(Image.open(io.BytesIO(self.png)).convert("RGB"), dtype=np.uint8)


def simulated_deck(
    count: int, classes: Sequence[str] = CLASSES, difficulty: str = "easy", seed: int | None = None
) -> list[DeckCell]:
    """Draw `count` cells of `deck_labels`; new ones each time unless `seed` is given."""
    if not 1 <= count <= MOST_CELLS:
        raise InputError(f"A deck has 1 to {MOST_CELLS} cells; {count} were asked for.")
    if difficulty not in DIFFICULTIES:
        raise InputError(f"No difficulty “{difficulty}”; there are: {', '.join(DIFFICULTIES)}.")
    if not classes:
        raise InputError("Choose at least one class to draw cells of.")
    start = secrets.randbelow(SEEDS) if seed is None else seed
    labels = deck_labels(count, classes, start)
    return [_drawn(label, FIRST_SEED + start + number, difficulty) for number, label in enumerate(labels)]


def deck_labels(count: int, classes: Sequence[str], seed: int) -> list[str]:
    """The classes of `count` cells, in random order.

    Each class is there once where `count` allows, and all further cells are drawn for themselves: in an even deck, who
    counts along knows the last cells without a look.
    """
    order = random.Random(seed)
    labels = order.sample([*classes], min(count, len(classes)))
    labels += order.choices([*classes], k=count - len(labels))
    order.shuffle(labels)
    return labels


def _drawn(label: str, seed: int, difficulty: str) -> DeckCell:
    picture = made_harder(draw_cell(label, seed, SIDE).image, difficulty)
    return DeckCell(pixels_png(picture), label, f"simulated, {difficulty}, seed {seed}")


def made_harder(rgb: NDArray[np.uint8], difficulty: str) -> NDArray[np.uint8]:
    """Take focus and colour away from a picture `(H, W, 3) uint8`, as much as `difficulty` says."""
    blur, grey = DIFFICULTIES[difficulty]
    if not blur:
        return rgb
    soft = cv2.GaussianBlur(rgb, (0, 0), blur * rgb.shape[0]).astype(np.float64)
    return np.rint((1 - grey) * soft + grey * soft.mean(axis=2, keepdims=True)).clip(0, 255).astype(np.uint8)


def gallery_deck(seed: int | None = None) -> list[DeckCell]:
    """The ten cells of the gallery, in random order. Whoever opens another page finds them there, with answers."""
    cells = list(gallery())
    random.Random(secrets.randbelow(SEEDS) if seed is None else seed).shuffle(cells)
    return [DeckCell(pixels_png(cell.cell().image), cell.label, f"gallery, {cell.key}") for cell in cells]


def picture_deck(pictures: Sequence[tuple[str, bytes, str | None]]) -> list[DeckCell]:
    """A deck of pictures, in a drawn order: each its name, its file's bytes and its class, None where not known.

    InputError for a file that is no picture, for none at all, and for more than a deck holds.
    """
    if not pictures:
        raise InputError("There is no picture for this deck: upload some, or choose simulated cells.")
    if len(pictures) > MOST_CELLS:
        raise InputError(f"A deck has at most {MOST_CELLS} cells; these are {len(pictures)}. Choose fewer.")
    cells = [DeckCell(pixels_png(decode(data, name).rgb), label, name) for name, data, label in pictures]
    random.SystemRandom().shuffle(cells)  # folders come class by class: their order would tell the next one
    return cells


def pixels_png(rgb: NDArray[np.uint8]) -> bytes:
    """A picture `(H, W, 3) uint8` as a PNG of its pixels alone, reduced to LARGEST_SIDE px where it is larger."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def checked_deck(cells: Sequence[DeckCell]) -> list[DeckCell]:
    """The deck, if it can be kept: InputError where it is empty, or too large."""
    if not 1 <= len(cells) <= MOST_CELLS:
        raise InputError(f"A deck has 1 to {MOST_CELLS} cells; this one has {len(cells)}.")
    if sum(len(cell.png) for cell in cells) > MOST_DECK_BYTES:
        raise InputError(f"The pictures of this deck take more than {MOST_DECK_BYTES >> 20} MB: choose fewer cells.")
    return list(cells)
