"""The gallery of a fresh install: ten simulated cells, two a class."""

from __future__ import annotations

from dataclasses import dataclass

from core.classes import CLASSES
from core.simulation.cell import SimulatedCell, draw_cell

FIRST_TRAINING_SEED = 1_000_000
GALLERY_SEEDS: dict[str, tuple[int, int]] = {
    "basophil": (6, 8),
    "eosinophil": (11, 9),
    "lymphocyte": (11, 9),
    "monocyte": (5, 6),
    "neutrophil": (6, 3),
}


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
