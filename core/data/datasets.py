"""Labelled images on disk: a known set, a folder of class folders, or a CSV of paths and labels, read into one table;
and what of a known set is there, against what was published."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.classes import CLASSES
from core.data.known_sets import KNOWN, READERS, KnownSet, recognised
from core.data.labels import SPLITS, class_order, fold_labels
from core.data.readers import Reading, is_folder, own_folder, printable, read_folders, read_listing
from core.errors import InputError

KINDS = ("auto", *KNOWN, "folder", "csv")
"""What `read_data` can be told that a place is."""

MEASURED = ("test", "report", "all")


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    `table` has the columns `path` (absolute), `label` (one of `classes`), `split` (train, val, test, development,
    report or all) and `box` ("" or "x0,y0,x1,y1" in px: the cell to look at). `notes` are sentences for the user on
    what was left out, folded or is missing.
    """

    name: str
    title: str
    table: pd.DataFrame
    classes: tuple[str, ...] = CLASSES
    notes: tuple[str, ...] = ()

    def split(self, name: str) -> pd.DataFrame:
        """Rows of one split; InputError when it is empty."""
        rows = self.table[self.table["split"] == name]
        if rows.empty:
            known = ", ".join(sorted(self.table["split"].unique()))
            raise InputError(f"{self.title} has no images in split {name!r}. It has: {known}.")
        return rows

    def first_split(self) -> str:
        """The split measured where none is named: the first of MEASURED that there is, else the first by name."""
        there = set(self.table["split"])
        return next((name for name in MEASURED if name in there), min(there))


def default_kind(place: Path) -> str:
    """What a place is read as where nothing is said: PBC where that lies there, else what is found out."""
    return "pbc" if "pbc" in found_sets(place) else "auto"


def read_data(place: Path, name: str = "auto") -> Dataset:
    """Read the labelled images at `place`, as one of KINDS.

    A known set is read from its own folder or from the folder it lies in; "auto" tells by what lies there. InputError
    says what is wrong with the place, its classes or its files.
    """
    if name not in KINDS:
        raise InputError(f"No data set {name!r}. Known: {', '.join(KINDS)}.")
    if not _is_folder(place):
        if name not in ("auto", "csv") or place.suffix.lower() != ".csv":
            raise InputError(f"{place} is a file. Name a folder, or a .csv with the columns path and label.")
        return _dataset("csv", place.name, read_listing(place))
    kind = _kind(place) if name == "auto" else name
    if kind == "csv":
        raise InputError(f"{place} is a folder, not a CSV.")
    if kind in KNOWN:
        return _known(KNOWN[kind], place)
    return _dataset("folder", f"folder {own_folder(place).name}", read_folders(place))


def _is_folder(place: Path) -> bool:
    """Whether the place is a folder; InputError where it is nothing."""
    try:
        if place.exists():
            return place.is_dir()
    except (OSError, ValueError) as error:
        raise InputError(f"{printable(str(place))} is no path that can be read: {error}.") from error
    raise InputError(f"The data folder {printable(str(place))} does not exist. Name it with --data or LEUKOLENS_DATA.")


def found_sets(root: Path) -> dict[str, Path]:
    """Names of the known sets whose folders lie in `root`, with these folders."""
    return {known.name: root / known.folder for known in KNOWN.values() if is_folder(root / known.folder)}


def describe(data: Dataset) -> dict[str, Any]:
    """What a set holds, as JSON has it: classes, counts by split and class, notes, fingerprint of paths and labels."""
    counts = {
        split: {name: int((rows["label"] == name).sum()) for name in data.classes}
        for split in SPLITS
        if len(rows := data.table[data.table["split"] == split])
    }
    return {
        "name": data.name,
        "title": data.title,
        "classes": list(data.classes),
        "images": len(data.table),
        "counts": counts,
        "notes": list(data.notes),
        "fingerprint": data_fingerprint(data),
    }


def data_fingerprint(data: Dataset) -> str:
    """SHA-256 of paths (relative to the folder that holds all), labels and boxes, in any order of rows."""
    paths = list(data.table["path"])
    base = os.path.commonpath([str(Path(path).parent) for path in paths])
    lines = [
        f"{os.path.relpath(path, base)}\0{label}\0{box}"
        for path, label, box in zip(paths, data.table["label"], data.table["box"], strict=True)
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()


def _kind(place: Path) -> str:
    own = recognised(place)
    if own is not None:
        return own
    found = found_sets(place)
    if not found:
        return "folder"
    if len(found) == 1:
        return next(iter(found))
    raise InputError(f"{place} holds several known sets: {', '.join(found)}. Say which with --dataset.")


def _known(known: KnownSet, place: Path) -> Dataset:
    folder = place / known.folder
    reading = READERS[known.name](folder if folder.is_dir() else place)
    data = _dataset(known.name, known.title, reading)
    foreign = sorted(set(data.classes) - set(CLASSES))
    if foreign:
        raise InputError(f"{known.title} holds labels that are none of ours: {', '.join(foreign)}.")
    return Dataset(data.name, data.title, data.table, data.classes, (*data.notes, *_missing(known, data)))


def _missing(known: KnownSet, data: Dataset) -> tuple[str, ...]:
    """A sentence where the counts are not those that were published."""
    here = data.table["label"].value_counts()
    pairs = [(name, int(here.get(name, 0)), known.published(name)) for name in CLASSES]
    parts = [f"{count:,} of {published:,} {name}s" for name, count, published in pairs if count != published]
    return (f"Not as published: {', '.join(parts)} are here.",) if parts else ()


def _dataset(name: str, title: str, reading: Reading) -> Dataset:
    """Fold the labels and check that there is something to tell apart."""
    labels, notes = fold_labels(list(reading.table["label"]))
    classes = class_order(labels)
    if len(classes) < 2:
        only = f"one class only, {classes[0]}" if classes else "no images"
        raise InputError(f"{title} holds {only}: there is nothing to tell apart. Add images of another class.")
    table = reading.table.assign(label=labels).reset_index(drop=True)
    return Dataset(name, title, table, classes, (*reading.notes, *notes))


@dataclass(frozen=True)
class Inventory:
    """Images of each class that are here; `differences` says where they are fewer or more than published.

    `problem` says why nothing could be read: no folder of the set, or a damaged one.
    """

    folder: str
    images: dict[str, int]
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every class has as many images in every split as were published."""
        return self.problem is None and not self.differences

    def to_dict(self) -> dict[str, Any]:
        """The inventory as JSON has it."""
        return {**asdict(self), "complete": self.complete}


def inventory(known: KnownSet, root: Path) -> Inventory:
    """Look for `known` in `root`, or at `root` itself where that is the set's own folder."""
    folder = root / known.folder
    if not is_folder(folder):
        if recognised(root) != known.name:
            return Inventory(str(folder), {}, problem=f"not here: {folder} is missing")
        folder = root
    try:
        data = read_data(folder, known.name)
    except InputError as error:
        return Inventory(str(folder), {}, problem=str(error))
    counts = data.table["label"].value_counts()
    images = {name: int(counts.get(name, 0)) for name in data.classes}
    return Inventory(str(folder), images, tuple(differences(known, data)), data.notes)


def differences(known: KnownSet, data: Dataset) -> list[str]:
    """One clause for every class, and split where the set has splits of its own, whose count is not as published."""
    clauses = []
    for split, published in known.counts.items():
        table = data.table if split == "all" else data.table[data.table["split"] == split]
        here = table["label"].value_counts()
        where = "" if split == "all" else f"{split} "
        for name in CLASSES:
            count, wanted = int(here.get(name, 0)), published.get(name, 0)
            if count != wanted:
                what = f"{count - wanted:,} too many" if count > wanted else f"{wanted - count:,} missing"
                clauses.append(f"{where}{name} {count:,} of {wanted:,} ({what})")
    return clauses
