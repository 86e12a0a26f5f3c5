"""What each cell of a session's photographs is called, by each model, by their consensus and by the reader; and the
counts that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.classes import CLASSES
from core.fields.annotations import NO_WHITE_CELL, WHITE_CELL, AnnotatedBox, AnnotatedPhotograph
from core.fields.count import NO_MAJORITY, ClassCount, differential
from core.fields.review import ReviewedCell
from core.models.classifier import Classifier, Prediction
from core.models.consensus import Consensus, consensus
from dashboard import uploads
from dashboard.field_work import FieldMemory

CORRECTED, AGREED = "With corrections", "Consensus"


@dataclass(frozen=True)
class NamedCell:
    """A cell of the photograph `key`: as it stands, what the models said of it by name, and what they agree on."""

    key: str
    one: ReviewedCell
    said: Mapping[str, Prediction]
    agreed: Consensus | None

    @property
    def number(self) -> int:
        """The cell's number."""
        return self.one.cell.number

    @property
    def consensus(self) -> str:
        """The class that most models name."""
        return WHITE_CELL if self.agreed is None else self.agreed.majority or NO_MAJORITY

    @property
    def label(self) -> str:
        """What it counts as: the reader's class, else the consensus."""
        if not self.one.white:
            return NO_WHITE_CELL
        return self.one.label or self.consensus

    @property
    def disputed(self) -> bool:
        """Whether the models name more than one class, and the reader has not decided."""
        return self.agreed is not None and not self.agreed.agree and not self.decided

    @property
    def decided(self) -> bool:
        """Whether the reader said what it is."""
        return bool(self.one.label) or not self.one.white


def named_cells(memory: FieldMemory, key: str, classifiers: Sequence[Classifier]) -> list[NamedCell]:
    """Every cell of a photograph, by number; empty before it was searched."""
    review, counted = memory.review(key), memory.counted.get(key)
    if review is None or counted is None:
        return []
    found = []
    for one in review.cells:
        places = {classifier.name: (classifier.identity, one.cell.box) for classifier in classifiers}
        said = {name: counted.answers[place] for name, place in places.items() if place in counted.answers}
        found.append(NamedCell(key, one, said, consensus(list(said.values())) if said else None))
    return found


def disputed_first(cells: Sequence[NamedCell]) -> list[NamedCell]:
    """Cells that the models dispute first, those without a majority before all; then the others; each by number."""

    def doubt(cell: NamedCell) -> tuple[int, int]:
        if cell.disputed and cell.agreed is not None:
            return (0 if cell.agreed.majority is None else 1), -len(cell.agreed.dissenters)
        return (3 if cell.decided else 2), 0

    return sorted(cells, key=lambda cell: (*doubt(cell), cell.number))


def counts_of(cells: Sequence[NamedCell], titles: Mapping[str, str], width: float) -> dict[str, tuple[ClassCount, ...]]:
    """The counts by who counts: with the reader's corrections, by consensus, and by each model under its title."""
    white = [cell for cell in cells if cell.one.white]
    by_whom = {
        CORRECTED: [cell.label for cell in white],
        AGREED: [cell.consensus for cell in white],
        **{title: [cell.said[name].predicted for cell in white if name in cell.said] for name, title in titles.items()},
    }
    return {who: differential(labels, CLASSES, width) for who, labels in by_whom.items()}


def annotated(memory: FieldMemory, key: str, cells: Sequence[NamedCell]) -> AnnotatedPhotograph:
    """A photograph's cells for the exports: the label that each counts as, and what every model calls it."""
    upload, (height, width) = uploads.store().files[key], memory.counted[key].size
    boxes = tuple(
        AnnotatedBox(
            cell.one.cell.box,
            cell.label,
            cell.number,
            cell.one.cell.score,
            tuple((model, said.predicted) for model, said in cell.said.items()),
        )
        for cell in cells
    )
    return AnnotatedPhotograph(file_name(key), width, height, boxes, uploads.digest_of(upload.data))


def file_name(key: str) -> str:
    """A photograph's file name, without folders."""
    return uploads.store().files[key].name.replace("\\", "/").rpartition("/")[2]
