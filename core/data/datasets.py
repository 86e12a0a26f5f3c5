"""Labelled images on disk: a folder of class folders, a CSV of paths and labels, or a known set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.classes import CLASSES
from core.errors import InputError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Dataset:
    """Labelled images: `table` has columns `path` (absolute), `label` (one of CLASSES) and `split`."""

    name: str
    title: str
    table: pd.DataFrame

    def split(self, name: str) -> pd.DataFrame:
        """Rows of one split; InputError when it is empty."""
        rows = self.table[self.table["split"] == name]
        if rows.empty:
            known = ", ".join(sorted(self.table["split"].unique()))
            raise InputError(f"{self.title} has no images in split {name!r}. It has: {known}.")
        return rows


def _pbc(root: Path) -> pd.DataFrame:
    table = _csv(root / "pbc" / "attributes.csv", ("img_name", "label", "split"))
    labels = table["label"].str.lower()
    paths = [str(root / "pbc" / label / name) for label, name in zip(labels, table["img_name"], strict=True)]
    return pd.DataFrame({"path": paths, "label": labels, "split": table["split"]})


def _unseen(folder: str) -> Callable[[Path], pd.DataFrame]:
    def read(root: Path) -> pd.DataFrame:
        table = _csv(root / "unseen_stains.csv", ("path", "label", "half"))
        table = table[table["path"].str.startswith(f"{folder}/")]
        paths = [str(root / path) for path in table["path"]]
        return pd.DataFrame({"path": paths, "label": table["label"].str.lower(), "split": table["half"]})

    return read


KNOWN: dict[str, tuple[str, Callable[[Path], pd.DataFrame]]] = {
    "pbc": ("PBC (Acevedo et al. 2020), published split", _pbc),
    "lisc": ("LISC (Rezatofighi & Soltanian-Zadeh 2011)", _unseen("lisc")),
    "jtsc": ("JTSC (Zheng et al. 2018, data set 1)", _unseen("jtsc")),
}


def read_dataset(name: str, root: Path) -> Dataset:
    """Read the known set `name` below `root`, or any folder of class folders as `folder`."""
    if not root.is_dir():
        raise InputError(f"The data folder {root} does not exist. Name it with --data or LEUKOLENS_DATA.")
    if name == "folder":
        return Dataset(root.name, f"folder {root.name}", _class_folders(root))
    if name not in KNOWN:
        raise InputError(f"No data set {name!r}. Known: {', '.join(KNOWN)}, folder.")
    title, read = KNOWN[name]
    table = read(root)
    foreign = sorted(set(table["label"]) - set(CLASSES))
    if foreign:
        raise InputError(f"{title} holds labels that are none of ours: {', '.join(foreign)}.")
    missing = [path for path in table["path"] if not Path(path).is_file()]
    if missing:
        raise InputError(f"{title}: {len(missing)} of {len(table)} images are missing, first {missing[0]}.")
    return Dataset(name, title, table.reset_index(drop=True))


def _class_folders(root: Path) -> pd.DataFrame:
    rows = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if folder.name.lower() in CLASSES:
            files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
            rows += [(str(path), folder.name.lower(), "all") for path in files]
    if not rows:
        raise InputError(f"{root} holds no images in folders named after the classes: {', '.join(CLASSES)}.")
    return pd.DataFrame(rows, columns=["path", "label", "split"])


def _csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path} is missing. See the README on how to lay the data out.")
    table = pd.read_csv(path)
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(f"{path} lacks the column {absent[0]!r}; it has {', '.join(map(str, table.columns))}.")
    return table
