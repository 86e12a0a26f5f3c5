"""Sets of simulated cells: the gallery of a fresh install (ten cells, two a class), and a folder of labelled images
with their masks and a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.classes import CLASSES
from core.errors import InputError
from core.simulation.cell import SimulatedCell, draw, draw_cell
from core.simulation.design import CellDesign, design_of

FIRST_TRAINING_SEED = 1_000_000

GALLERY_SEEDS: dict[str, tuple[int, int]] = {
    "basophil": (6, 8),
    "eosinophil": (11, 9),
    "lymphocyte": (11, 9),
    "monocyte": (5, 6),
    "neutrophil": (6, 3),
}

OTHER_CAMERA = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0], [0.4, 0.2, 0.4]])
"""How much of red, green and blue each channel of a camera takes up that mixes colours up."""
FIRST_OTHER_SEED = 5000

MOST_PER_CLASS = 10_000
FIRST_SAMPLE_SEED = 1 << 40


@dataclass(frozen=True)
class GalleryCell:
    """A gallery entry: `key` such as "neutrophil-1", its class and the seed it is drawn from."""

    key: str
    label: str
    seed: int

    def cell(self) -> SimulatedCell:
        """Draw it, 224 px a side; the same picture each time."""
        return draw_cell(self.label, self.seed)


def gallery() -> tuple[GalleryCell, ...]:
    """Ten cells, two a class, in the order of the classes; training draws from seeds of `FIRST_TRAINING_SEED` up."""
    return tuple(
        GalleryCell(f"{label}-{number}", label, seed)
        for label in CLASSES
        for number, seed in enumerate(GALLERY_SEEDS[label], start=1)
    )


def cells_of_another_camera(each: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Draw `each` cells of every class, 200 px a side, as a camera sees them that mixes the colours up: (class, RGB).

    They stand for a laboratory that no model was trained on; the same cells each time.
    """
    for number in range(each):
        for label in CLASSES:
            mixed = draw_cell(label, FIRST_OTHER_SEED + number, size=200).image @ OTHER_CAMERA.T
            yield label, mixed.clip(0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Sample:
    """One simulated cell of a folder: its class, the seed it is drawn from, and its files."""

    label: str
    seed: int
    image: Path
    nucleus: Path
    cytoplasm: Path


def plan_samples(folder: Path, seed: int, count: int) -> list[Sample]:
    """The `count` cells a class that `seed` stands for, in the order of the classes, and their files under `folder`.

    Images go to `cells/<class>/<class>-NNNN.png`, so that `cells` is a folder of class folders; masks to
    `masks/<class>/<class>-NNNN.nucleus.png` and `.cytoplasm.png`. Their seeds meet neither the gallery's nor
    training's. Raises InputError on a negative seed or a count outside 1 to 10,000.
    """
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number from 0 up.")
    if not 1 <= count <= MOST_PER_CLASS:
        raise InputError(f"{count} cells a class were asked for; give a number from 1 to {MOST_PER_CLASS}.")
    return [
        _sample(folder, label, number, FIRST_SAMPLE_SEED + seed * MOST_PER_CLASS + number - 1)
        for label in CLASSES
        for number in range(1, count + 1)
    ]


def _sample(folder: Path, label: str, number: int, seed: int) -> Sample:
    stem = f"{label}-{number:04d}"
    masks = folder / "masks" / label
    image = folder / "cells" / label / f"{stem}.png"
    return Sample(label, seed, image, masks / f"{stem}.nucleus.png", masks / f"{stem}.cytoplasm.png")


def check_folder(folder: Path, samples: list[Sample]) -> None:
    """Raise InputError if `folder` is a file or holds simulated cells that writing `samples` would not replace."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder to write the cells to.")
    stale = set((folder / "cells").rglob("*.png")) - {sample.image for sample in samples}
    if stale:
        raise InputError(f"{folder} already holds {len(stale)} other cells; give an empty folder.")


def designs_with(changes: Mapping[str, object]) -> dict[str, CellDesign]:
    """The design of every class, with `changes` to what it draws; InputError where one of them is not valid."""
    if "label" in changes:
        raise InputError("The class cannot be set: cells of every class are drawn.")
    return {label: design_of(label).revised(**changes) for label in CLASSES}


def write_sample(sample: Sample, size: int, design: CellDesign | None = None) -> None:
    """Draw `sample` at `size` px a side, by a design of its class, and write its image and masks (255 inside, 0 not).

    Raises InputError where the files cannot be written or the size is out of range.
    """
    cell = draw(design or design_of(sample.label), sample.seed, size)
    _write(sample.image, cell.image)
    _write(sample.nucleus, np.where(cell.nucleus, 255, 0).astype(np.uint8))
    _write(sample.cytoplasm, np.where(cell.cytoplasm, 255, 0).astype(np.uint8))


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def write_labels(folder: Path, samples: list[Sample]) -> Path:
    """Write `labels.csv` (columns image, label, seed; image relative to `folder`) and return its path."""
    path = folder / "labels.csv"
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(["image", "label", "seed"])
            table.writerows([s.image.relative_to(folder).as_posix(), s.label, s.seed] for s in samples)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
