"""Where the cells of a run come from: drawn for it, the visitor's labelled uploads, or data sets on the server; and
each as a picture that tells nothing of its class."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from core.classes import CLASSES
from core.data.known_sets import KNOWN
from core.data.loading import read_boxed
from core.errors import InputError
from core.practice.run import MOST_CELLS_OF_RUN, practice_cells
from core.simulation.cell import draw_cell
from dashboard import uploads
from dashboard.images import Subject, subject_of
from dashboard.own_sets import drawn_cells, sets_at_hand

SIMULATED, UPLOADS = "simulated", "uploads"
SOURCE_TITLES = {SIMULATED: "Simulated cells", UPLOADS: "My uploads with labels"}
UNREADABLE = "This cell cannot be shown: its file has gone, or cannot be read. Skip it."  # without the file's name


@dataclass(frozen=True)
class PracticeCell:
    """One cell of a run: its class, and what it is made from: a `seed`, the key of an `upload`, or a `path` and box."""

    label: str
    seed: int = -1
    upload: str = ""
    path: str = ""
    box: str = ""


def sources() -> list[str]:
    """The sources at hand: simulated cells always, uploads where some have labels, and the data sets on the server."""
    return [SIMULATED, *([UPLOADS] if labelled_uploads() else []), *sets_at_hand()]


def source_title(name: str) -> str:
    """How a source is called in the menu."""
    return SOURCE_TITLES.get(name) or KNOWN[name].title


def labelled_uploads() -> dict[str, str]:
    """By key the class of each upload that has one of the five: given on Fit, else told by its folder."""
    held = uploads.store()
    found = {key: held.labels.get(key) or upload.label for key, upload in list(held.files.items())}
    return {key: label for key, label in found.items() if label in CLASSES}


def cells_from(source: str, count: int, seed: int) -> tuple[PracticeCell, ...]:
    """Up to `count` cells of a source, in an order that `seed` decides; InputError where it has none."""
    if source == SIMULATED:
        return tuple(PracticeCell(cell.label, seed=cell.seed) for cell in practice_cells(seed, count))
    if source == UPLOADS:
        found = [PracticeCell(label, upload=key) for key, label in labelled_uploads().items()]
        random.Random(seed).shuffle(found)
    else:
        found = _of_a_set(source, count, seed)
    if not found:
        raise InputError("There are no labelled cells of the five classes there. Choose another source.")
    return tuple(found[: min(count, MOST_CELLS_OF_RUN)])


def _of_a_set(source: str, count: int, seed: int) -> list[PracticeCell]:
    if source not in sets_at_hand():
        raise InputError("This data set is no longer at hand. Choose another source.")
    try:
        rows = drawn_cells(source, seed, each=-(-count // len(CLASSES)))
    except OSError:
        raise InputError("This data set cannot be read. Choose another source.") from None
    cells = (PracticeCell(str(row.label), path=str(row.path), box=str(row.box or "")) for row in rows.itertuples())
    return [cell for cell in cells if cell.label in CLASSES]


def shown_subject(cell: PracticeCell, number: int) -> Subject:
    """The picture of a cell, called by its `number` alone; InputError, without any name, where it cannot be had."""
    try:
        found = _subject(cell)
    except (InputError, OSError):
        raise InputError(UNREADABLE) from None
    title = f"Cell {number}"
    return replace(found, key=f"practice-{number}", title=title, label=None, detail="", notes=(), field=None)


def _subject(cell: PracticeCell) -> Subject:
    if cell.upload:
        found = subject_of(cell.upload)
        if found is None:
            raise InputError(UNREADABLE)
        return found
    return _drawn(cell.label, cell.seed) if cell.seed >= 0 else _read(cell.path, cell.box)


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def _drawn(label: str, seed: int) -> Subject:
    rgb = draw_cell(label, seed).image
    return Subject("", "", rgb, hashlib.sha256(rgb.tobytes()).hexdigest(), True, None, "")


@st.cache_resource(show_spinner=False, max_entries=4, scope="session")
def _read(path: str, box: str) -> Subject:
    rgb = read_boxed(Path(path), box)
    return Subject("", "", rgb, hashlib.sha256(rgb.tobytes()).hexdigest(), False, None, "")


def truths_of(cells: Sequence[PracticeCell]) -> tuple[str, ...]:
    """The classes of the cells, in their order."""
    return tuple(cell.label for cell in cells)
