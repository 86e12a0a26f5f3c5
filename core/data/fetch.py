"""Downloading a small public set into the layout that it is read from: licence first, then the archive, checked and
unpacked, then its pictures against those that our figures were measured on."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pandas as pd

from core.data.archives import unpack
from core.data.known_sets import KNOWN
from core.decoding import read_image
from core.errors import InputError

LARGEST = 300 * 2**20  # bytes of an archive
PATIENCE = 30.0  # s without an answer
BLOCK = 2**20
JTSC_CODES = {"1": "neutrophil", "2": "lymphocyte", "3": "monocyte", "4": "eosinophil", "5": "basophil"}

Tell = Callable[[str], None]
Arrange = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Download:
    """Where a set's archive lies, how it is laid out anew (from the unpacked folder into the set's own), and the
    SHA-256 over the pixels of its pictures in the order of their names.
    """

    address: str
    arrange: Arrange
    pixels_sha256: str


def fetch(name: str, root: Path, tell: Tell) -> Path:
    """Download the set `name` into its own folder below `root`, and return that folder.

    InputError for a set that cannot be had so, a folder that is there already, no connection, or an archive that is
    none. Pictures that are not those of our figures are kept, and that is told.
    """
    if name not in DOWNLOADS:
        told = f"{name!r} is no known set" if name not in KNOWN else f"{KNOWN[name].title} cannot be fetched by itself"
        raise InputError(f"{told}. Fetched can be: {', '.join(DOWNLOADS)}; `python -m core datasets` tells the rest.")
    known, download = KNOWN[name], DOWNLOADS[name]
    target = root / known.folder
    if target.exists():
        raise InputError(f"{target} is there already. Delete it, or name another folder with --data.")
    tell(f"{known.title}. Licence: {known.licence}. Source: {known.source}.")
    tell(f"Downloading {download.address}")
    try:
        with tempfile.TemporaryDirectory(dir=_made(root), prefix=".fetch-") as folder:
            unpacked = unpack(_downloaded(download.address), Path(folder))
            laid_out = Path(folder) / "laid-out"
            download.arrange(_inner(unpacked), laid_out)
            if pixels_sha256(laid_out) != download.pixels_sha256:
                tell("These pictures are not pixel by pixel those that our figures were measured on.")
            laid_out.rename(target)
    except OSError as error:
        raise InputError(f"The set cannot be written to {root}: {error.strerror or error}.") from error
    return target


def _made(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    return root


def _downloaded(address: str) -> bytes:
    """The archive's bytes, at most LARGEST."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            blocks, left = [], LARGEST
            while block := answer.read(min(BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    raise InputError(f"The archive is over {LARGEST // 2**20} MB: that is not the set.")
                blocks.append(block)
    except (URLError, TimeoutError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"{address} cannot be reached ({reason}). Connect to the internet; or download it elsewhere and lay it out "
            "as `python -m core datasets` says."
        ) from error
    return b"".join(blocks)


def _inner(unpacked: Path) -> Path:
    """The one folder that an archive holds, where it holds one alone."""
    inside = list(unpacked.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else unpacked


def _arrange_jtsc(source: Path, target: Path) -> None:
    """Data set 1: `Dataset 1/<number>.bmp` with its mask `<number>.png`, labels as numbers in a table."""
    table = source / "Class Labels of Dataset 1.csv"
    if not table.is_file():
        raise InputError("The archive holds no “Class Labels of Dataset 1.csv”: that is not the set.")
    rows = pd.read_csv(table, dtype=str)
    (target / "images").mkdir(parents=True)
    (target / "masks").mkdir()
    labels = []
    for number, code in rows.iloc[:, :2].itertuples(index=False):
        stem = f"{int(number):03d}"
        picture, mask = source / "Dataset 1" / f"{stem}.bmp", source / "Dataset 1" / f"{stem}.png"
        if not picture.is_file() or code not in JTSC_CODES:
            raise InputError(f"The archive lacks picture {stem}, or its class is none of 1 to 5: that is not the set.")
        shutil.copyfile(picture, target / "images" / picture.name)
        if mask.is_file():
            shutil.copyfile(mask, target / "masks" / mask.name)
        labels.append((picture.name, JTSC_CODES[code]))
    pd.DataFrame(labels, columns=["image", "label"]).to_csv(target / "labels.csv", index=False)


def pixels_sha256(folder: Path) -> str:
    """SHA-256 over name and pixels of the pictures in `folder`/images, in the order of their names without endings."""
    digest = hashlib.sha256()
    for path in _pictures(folder / "images"):
        digest.update(path.stem.encode() + read_image(path).rgb.tobytes())
    return digest.hexdigest()


def _pictures(folder: Path) -> Iterator[Path]:
    yield from sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stem)


DOWNLOADS: dict[str, Download] = {
    "jtsc": Download(
        address="https://codeload.github.com/zxaoyou/segmentation_WBC/zip/refs/heads/master",
        arrange=_arrange_jtsc,
        pixels_sha256="52f837b12de69414912ba25701e255c7b673f4fec7d107b215f7e7d6693bcf60",
    ),
}
