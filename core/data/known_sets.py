"""The known data sets: where they come from, how many images of each class were published, and how each is read from
its own folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.classes import CLASSES
from core.data.readers import (
    Reading,
    Row,
    as_table,
    is_file,
    own_folder,
    read_boxes,
    read_csv_as_text,
    read_folders,
    read_splits,
    require_files,
)
from core.errors import InputError

Counts = Mapping[str, Mapping[str, int]]

HALVES = "unseen_stains.csv"
_AGAIN = "The download may have been interrupted: fetch the set again."


@dataclass(frozen=True)
class KnownSet:
    """Facts about a public set.

    `counts` maps split to class to images, split "all" where it was published without one; `counts_from` says what
    they rest on. `checksum` is None where none is published that we know of. `layout` lines stand below the folder
    that is named with --data; `folder` is the set's own folder there.
    """

    name: str
    title: str
    licence: str
    source: str
    download: tuple[str, ...]
    folder: str
    layout: tuple[str, ...]
    counts: Counts
    counts_from: str
    checksum: str | None = None
    remarks: tuple[str, ...] = field(default=())

    def published(self, label: str) -> int:
        """Images of one class in all splits together."""
        return sum(part.get(label, 0) for part in self.counts.values())


def _by_class(*numbers: int) -> dict[str, int]:
    """Counts in the order of CLASSES; classes with 0 are not in the set."""
    return {name: number for name, number in zip(CLASSES, numbers, strict=True) if number}


_SETS = (
    KnownSet(
        name="pbc",
        title="PBC (Acevedo et al. 2020), published split",
        licence="CC BY 4.0; the split, from WBCAtt, MIT",
        source="Hospital Clinic of Barcelona, 360x363 px, May Grünwald-Giemsa; split: Tsutsui et al. 2023",
        download=(
            "https://data.mendeley.com/datasets/snkd93bnjr (doi 10.17632/snkd93bnjr)",
            "https://github.com/apple2373/wbcatt",
        ),
        folder="pbc",
        layout=("pbc/<class>/<image>.jpg", "pbc/attributes.csv: img_name, label, split (WBCAtt's three tables in one)"),
        counts={"all": _by_class(1218, 3117, 1214, 1420, 3329)},
        counts_from="Acevedo et al. 2020, table of the eight groups, of which these are the mature white cells",
        remarks=("Holds exact and near duplicates, a few of them on two sides of the published split.",),
    ),
    KnownSet(
        name="kaggle",
        title="Kaggle Blood Cell Images, TRAIN against TEST",
        licence="MIT (its originals are BCCD)",
        source="Mooney 2018: augmented copies of some 350 BCCD photographs, 320x240 px, no basophils",
        download=("https://www.kaggle.com/datasets/paultimothymooney/blood-cells (dataset2-master/images)",),
        folder="kaggle_blood_cells",
        layout=("kaggle_blood_cells/TRAIN/<CLASS>/<image>.jpeg", "kaggle_blood_cells/TEST/<CLASS>/<image>.jpeg"),
        counts={"train": _by_class(0, 2497, 2483, 2478, 2499), "test": _by_class(0, 623, 620, 620, 624)},
        counts_from="the set as distributed; Islam et al. 2024 count the same 12,444 in all",
        remarks=(
            "Many copies of each photograph: a random split puts copies of one on both sides. Split by photograph.",
            "TEST_SIMPLE, photographs without augmentation, is no part of the 12,444.",
        ),
    ),
    KnownSet(
        name="raabin",
        title="Raabin-WBC (Kouzehkanan et al. 2022), double-labelled cells",
        licence="free access, as its authors say; no standard licence named",
        source="575x575 px crops, two microscopes and cameras (doi 10.1038/s41598-021-04426-x)",
        download=("https://raabindata.com/free-data/, double-labelled cropped cells: Train, TestA, TestB",),
        folder="raabin",
        layout=(
            "raabin/Train/<Class>/<image>.jpg",
            "raabin/TestA/<Class>/<image>.jpg",
            "raabin/TestB/<Class>/<image>.jpg",
            "or raabin/split.csv: path, label, split, and the images that it names",
        ),
        counts={
            "train": _by_class(212, 744, 2427, 561, 6231),
            "test": _by_class(89, 322, 1034, 234, 2660),
            "report": _by_class(0, 0, 148, 0, 1971),
        },
        counts_from="Kouzehkanan et al. 2022; the three parts add up to the 16,633 of Katar & Kilincer 2022",
        remarks=(
            "TestA is split test; TestB, from another microscope and of two classes alone, is split report.",
            "The loader was tested on a made-up tree of this layout, not on the set itself.",
        ),
    ),
    KnownSet(
        name="bccd",
        title="BCCD, boxed white cells",
        licence="MIT",
        source="photographs of 640x480 px (cosmicad, akshaylamba), with boxes of cells in VOC format (Shenggan)",
        download=(
            "https://github.com/Shenggan/BCCD_Dataset",
            "labels.csv: dataset-master/ of https://www.kaggle.com/datasets/paultimothymooney/blood-cells",
        ),
        folder="bccd",
        layout=(
            "bccd/images/BloodImage_<number>.jpg",
            "bccd/annotations/BloodImage_<number>.xml (VOC)",
            "bccd/labels.csv",
        ),
        counts={"all": _by_class(2, 84, 33, 20, 202)},
        counts_from="our count of the photographs with one label and one box, of 411 labelled and 364 annotated ones",
        remarks=("Photographs with two labels, with none, or with another number of boxes than labels are left out.",),
    ),
    KnownSet(
        name="lisc",
        title="LISC (Rezatofighi & Soltanian-Zadeh 2011)",
        licence="re-published under MIT",
        source="Leukocyte Images for Segmentation and Classification, another stain and camera",
        download=("http://users.cecs.anu.edu.au/~hrezatofighi/Data/Leukocyte%20Data.htm",),
        folder="lisc",
        layout=("lisc/<class>/<image>.jpg", "unseen_stains.csv: path, label, half (development or report); optional"),
        counts={"all": _by_class(55, 39, 55, 53, 53)},
        counts_from="the re-publication as crops of 224x224 px; the original has other counts",
        remarks=("Choices look at the development half alone; the report half is read once, for the figures.",),
    ),
    KnownSet(
        name="jtsc",
        title="JTSC (Zheng et al. 2018, data set 1)",
        licence="GPL-3.0",
        source="Jiangxi Tecom, crops of about 120 px on a yellow stain, with masks",
        download=("https://github.com/zxaoyou/segmentation_WBC (doi 10.1016/j.micron.2018.01.010)",),
        folder="jtsc",
        layout=(
            "jtsc/images/<number>.png",
            "jtsc/labels.csv: image, label",
            "unseen_stains.csv, as for lisc; optional",
        ),
        counts={"all": _by_class(1, 22, 53, 48, 176)},
        counts_from="Zheng et al. 2018; labels by the authors, not by experts",
    ),
)


def _registry() -> dict[str, KnownSet]:
    names = [known.name for known in _SETS]
    if len(set(names)) < len(names):
        raise ValueError(f"a known set's name is taken twice: {names}")
    return {known.name: known for known in _SETS}


KNOWN: dict[str, KnownSet] = _registry()


def _pbc(folder: Path) -> Reading:
    file = folder / "attributes.csv"
    table = read_csv_as_text(file, ("img_name", "label", "split"))
    labels = table["label"].str.strip().str.lower()
    paths = [str(folder / label / name) for label, name in zip(labels, table["img_name"], strict=True)]
    require_files(paths, "PBC", _AGAIN)
    return Reading(as_table(zip(paths, labels, read_splits(file, table["split"]), [""] * len(paths), strict=True)))


def _kaggle(folder: Path) -> Reading:
    return read_folders(folder, {"TRAIN": "train", "TEST": "test"}.get)


def _raabin(folder: Path) -> Reading:
    """As published, or where `split.csv` lies there, the cells that it names and how it divides them."""
    file = folder / "split.csv"
    if is_file(file):
        table = read_csv_as_text(file, ("path", "label", "split"))
        paths = [str(folder / path) for path in table["path"]]
        require_files(paths, "Raabin-WBC", _AGAIN)
        splits = read_splits(file, table["split"])
        return Reading(as_table(zip(paths, table["label"], splits, [""] * len(paths), strict=True)))
    parts = {"train": "train", "testa": "test", "testb": "report"}
    return read_folders(folder, lambda name: parts.get("".join(c for c in name.lower() if c.isalnum())))


def _lisc(folder: Path) -> Reading:
    if is_file(_halves(folder)):
        return _half(folder)
    return read_folders(folder)


def _jtsc(folder: Path) -> Reading:
    if is_file(_halves(folder)):
        return _half(folder)
    table = read_csv_as_text(folder / "labels.csv", ("image", "label"))
    paths = [str(folder / "images" / name) for name in table["image"]]
    require_files(paths, "JTSC", _AGAIN)
    return Reading(as_table((path, label, "all", "") for path, label in zip(paths, table["label"], strict=True)))


def _halves(folder: Path) -> Path:
    """The table of halves beside a set's folder."""
    return own_folder(folder).with_name(HALVES)


def _half(folder: Path) -> Reading:
    """The set's rows of the table that halves LISC and JTSC into development and report."""
    file = _halves(folder)
    table = read_csv_as_text(file, ("path", "label", "half"))
    name = own_folder(folder).name
    table = table[table["path"].str.startswith(f"{name}/")]
    paths = [str(folder / path.removeprefix(f"{name}/")) for path in table["path"]]
    require_files(paths, name.upper(), _AGAIN)
    return Reading(
        as_table(zip(paths, table["label"], read_splits(file, table["half"]), [""] * len(paths), strict=True))
    )


def _bccd(folder: Path) -> Reading:
    """White cells of photographs with one label and one box; the others are counted."""
    table = read_csv_as_text(folder / "labels.csv", ("image", "category"))
    left_out: Counter[str] = Counter()
    first: dict[str, str] = {}
    rows = []
    for number, label in zip(table["image"], table["category"], strict=True):
        try:
            rows.append(_boxed(folder, number.strip(), label.strip()))
        except _LeftOut as reason:
            left_out[str(reason)] += 1
            first.setdefault(str(reason), reason.cause)
    parts = [f"{count:,} {reason}{first[reason]}" for reason, count in sorted(left_out.items())]
    note = f"{sum(left_out.values()):,} of {len(table):,} photographs are left out: {', '.join(parts)}."
    return Reading(as_table(rows), (note,) if parts else ())


class _LeftOut(Exception):
    """Why a photograph is left out; `cause` tells of the first one, in brackets."""

    def __init__(self, reason: str, cause: str = "") -> None:
        super().__init__(reason)
        self.cause = f" ({cause.rstrip('.')})" if cause else ""


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
    except InputError as error:
        raise _LeftOut("have an annotation that cannot be read", str(error)) from None
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
        "raabin": {"train", "testa"} <= letters or table("split.csv", "path", "label", "smear", "split"),
        "bccd": {"images", "annotations"} <= names and table("labels.csv", "image", "category"),
        "jtsc": {"images", "masks"} <= names and table("labels.csv", "image", "label"),
        "lisc": own_folder(folder).name.lower() == "lisc" and is_file(_halves(folder)),
    }
    return next((name for name, holds in signs.items() if holds), None)


def _has_columns(file: Path, columns: tuple[str, ...]) -> bool:
    try:
        read_csv_as_text(file, columns)
    except InputError:
        return False
    return True
