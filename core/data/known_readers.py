"""How each known set is read from its own folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core.data.annotations import read_boxes
from core.data.folders import read_folders
from core.data.reading import Reading, Row, as_table, is_file, own_folder, read_splits, read_table, require_files
from core.errors import InputError

HALVES = "unseen_stains.csv"
_AGAIN = "The download may have been interrupted: fetch the set again."


def _pbc(folder: Path) -> Reading:
    file = folder / "attributes.csv"
    table = read_table(file, ("img_name", "label", "split"))
    labels = table["label"].str.strip().str.lower()
    paths = [str(folder / label / name) for label, name in zip(labels, table["img_name"], strict=True)]
    require_files(paths, "PBC", _AGAIN)
    return Reading(as_table(zip(paths, labels, read_splits(file, table["split"]), [""] * len(paths), strict=True)))


def _kaggle(folder: Path) -> Reading:
    return read_folders(folder, {"TRAIN": "train", "TEST": "test"}.get)


def _raabin(folder: Path) -> Reading:
    parts = {"train": "train", "testa": "test", "testb": "report"}
    return read_folders(folder, lambda name: parts.get("".join(c for c in name.lower() if c.isalnum())))


def _lisc(folder: Path) -> Reading:
    if is_file(_halves(folder)):
        return _half(folder)
    return read_folders(folder)


def _jtsc(folder: Path) -> Reading:
    if is_file(_halves(folder)):
        return _half(folder)
    table = read_table(folder / "labels.csv", ("image", "label"))
    paths = [str(folder / "images" / name) for name in table["image"]]
    require_files(paths, "JTSC", _AGAIN)
    return Reading(as_table((path, label, "all", "") for path, label in zip(paths, table["label"], strict=True)))


def _halves(folder: Path) -> Path:
    """The table of halves beside a set's folder."""
    return own_folder(folder).with_name(HALVES)


def _half(folder: Path) -> Reading:
    """The set's rows of the table that halves LISC and JTSC into development and report."""
    file = _halves(folder)
    table = read_table(file, ("path", "label", "half"))
    name = own_folder(folder).name
    table = table[table["path"].str.startswith(f"{name}/")]
    paths = [str(folder / path.removeprefix(f"{name}/")) for path in table["path"]]
    require_files(paths, name.upper(), _AGAIN)
    return Reading(
        as_table(zip(paths, table["label"], read_splits(file, table["half"]), [""] * len(paths), strict=True))
    )


def _bccd(folder: Path) -> Reading:
    """White cells of photographs with one label and one box; the others are counted."""
    table = read_table(folder / "labels.csv", ("image", "category"))
    left_out: Counter[str] = Counter()
    rows = []
    for number, label in zip(table["image"], table["category"], strict=True):
        try:
            rows.append(_boxed(folder, number.strip(), label.strip()))
        except _LeftOut as reason:
            left_out[str(reason)] += 1
    parts = [f"{count:,} {reason}" for reason, count in sorted(left_out.items())]
    note = f"{sum(left_out.values()):,} of {len(table):,} photographs are left out: {', '.join(parts)}."
    return Reading(as_table(rows), (note,) if parts else ())


class _LeftOut(Exception):
    """Why a photograph is left out."""


def _boxed(folder: Path, number: str, label: str) -> Row:
    """The row of a photograph with one label and one box; _LeftOut for any other."""
    if not label or "," in label:
        raise _LeftOut("have several labels" if label else "have no label")
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise _LeftOut("have no number")
    stem = f"BloodImage_{int(number):05d}"
    image, annotation = folder / "images" / f"{stem}.jpg", folder / "annotations" / f"{stem}.xml"
    for file, what in ((image, "have a label alone"), (annotation, "have no annotation")):
        if not is_file(file):
            raise _LeftOut(what)
    try:
        boxes = read_boxes(annotation, "WBC")
    except InputError:
        raise _LeftOut("have an annotation that cannot be read") from None
    if len(boxes) != 1:
        raise _LeftOut("have one label and another number of boxes")
    return str(image), label, "all", ",".join(map(str, boxes[0]))


READERS: dict[str, Callable[[Path], Reading]] = {
    "pbc": _pbc,
    "kaggle": _kaggle,
    "raabin": _raabin,
    "bccd": _bccd,
    "lisc": _lisc,
    "jtsc": _jtsc,
}


def recognised(folder: Path) -> str | None:
    """Which known set `folder` is the own folder of, by what lies in it; None where it is none of them."""
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError:
        return None
    letters = {"".join(c for c in name.lower() if c.isalnum()) for name in names}

    def table(name: str, *columns: str) -> bool:
        return name in names and _has_columns(folder / name, columns)

    signs = {
        "pbc": table("attributes.csv", "img_name", "label", "split"),
        "kaggle": {"TRAIN", "TEST", "TEST_SIMPLE"} <= names,
        "raabin": {"train", "testa"} <= letters,
        "bccd": {"images", "annotations"} <= names and table("labels.csv", "image", "category"),
        "jtsc": {"images", "masks"} <= names and table("labels.csv", "image", "label"),
        "lisc": own_folder(folder).name.lower() == "lisc" and is_file(_halves(folder)),
    }
    return next((name for name, holds in signs.items() if holds), None)


def _has_columns(file: Path, columns: tuple[str, ...]) -> bool:
    try:
        read_table(file, columns)
    except InputError:
        return False
    return True
