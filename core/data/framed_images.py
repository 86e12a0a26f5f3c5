"""Framed, decoded copies of a set's images in one array, made once and kept on disk for the next run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.classes import CLASSES
from core.data.image_cache import CachedRows, cached_rows
from core.data.labels import shortened
from core.data.loading import FRAMED_SIDE, SIDE, UNKNOWN, Framed, digest_images, framed, read_boxed
from core.data.readers import utf8
from core.errors import InputError
from core.simulation import draw_cell

__all__ = ["SIDE", "UNKNOWN", "FramedImages", "frame_simulated", "frame_table"]

FRAMING_FORMAT = 2
"""Part of the key of every kept array: raise it when `framed` or `read_boxed` gives other pixels than before."""

DRAWING_FORMAT = 1
"""Part of the key of kept simulated cells: raise it when `draw_cell` draws other pixels for the same seed."""

MOST_UNREADABLE = 0.1  # of the images of one split

Tell = Callable[[str], None]


@dataclass(frozen=True)
class FramedImages:
    """Images `(N, 3, S, S) uint8`, their reach `(N, 1, S, S) uint8`, labels `(N,) int64`.

    `reach` is each pixel's distance from the nucleus' convex hull as a share of the side times 254; 255 where no
    nucleus was found. `fingerprint` identifies content, labels and framing. `skipped` says of each image that could
    not be read which and why, `kept` which rows of the table the images are (-1: of another table), `whole` which of
    the images stand whole because no cell was found in them, `source` `(N,) int64` which of the sets that were put
    together each is of.
    """

    images: Tensor
    reach: Tensor
    labels: Tensor
    fingerprint: str
    skipped: tuple[str, ...] = ()
    kept: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    whole: tuple[int, ...] = ()
    source: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def __post_init__(self) -> None:
        if len(self.source) != len(self.labels):
            object.__setattr__(self, "source", torch.zeros_like(self.labels))

    def __add__(self, other: FramedImages) -> FramedImages:
        joined = hashlib.sha256(f"{self.fingerprint}+{other.fingerprint}".encode()).hexdigest()
        pairs = ((self.images, other.images), (self.reach, other.reach), (self.labels, other.labels))
        images, reach, labels = (torch.cat(pair) for pair in pairs)
        kept = torch.cat((self.kept, torch.full_like(other.kept, -1)))
        whole = self.whole + tuple(len(self.labels) + number for number in other.whole)
        source = torch.cat((self.source, other.source + self.source.amax() + 1))
        return FramedImages(images, reach, labels, joined, self.skipped + other.skipped, kept, whole, source)

    def at(self, side: int) -> FramedImages:
        """The same images at another side in px (area averaging); itself when that is not smaller."""
        full = self.images.shape[-1]
        if side >= full:
            return self
        images = torch.empty((len(self.images), 3, side, side), dtype=torch.uint8)
        reach = torch.empty((len(self.images), 1, side, side), dtype=torch.uint8)
        steps = torch.linspace(0, full - 1, side).round().long()
        for start in range(0, len(images), 256):
            part = slice(start, start + 256)
            shrunk = torch.nn.functional.interpolate(self.images[part].float(), size=side, mode="area")
            images[part] = shrunk.round()
            reach[part] = self.reach[part][:, :, steps][:, :, :, steps]
        return replace(self, images=images, reach=reach)


def frame_table(
    table: pd.DataFrame,
    framing: str,
    cache: Path,
    tell: Tell,
    classes: Sequence[str] = CLASSES,
    side: int | None = None,
    within: pd.DataFrame | None = None,
) -> FramedImages:
    """Frame the images of `table` (columns path, label, and box where there are any), framed as `framing`.

    Labels are places in `classes`, `side` px (by default 192, 120 for "islam"). Images that cannot be read are
    skipped, counted and listed; InputError where they are more than a tenth or all of a class. Where `table` is a part
    of the table `within` (same index), that one is framed and kept, once for all its splits and folds, and the part
    copied out of it.
    """
    everything = table if within is None else within
    foreign = sorted(set(table["label"]) - set(classes))
    if foreign:
        raise InputError(f"Images of {', '.join(foreign)} cannot be packed for the classes {', '.join(classes)}.")
    made, digest = _made(everything, framing, cache, tell, side or FRAMED_SIDE.get(framing, SIDE))
    paths, names = list(everything["path"]), list(everything["label"])
    places = torch.tensor([classes.index(name) if name in classes else -1 for name in names])
    stored = FramedImages(
        made.images,
        made.reach,
        places[made.notes.kept],
        digest,
        tuple(f"{utf8(paths[number])}: {reason}" for number, reason in made.notes.skipped),
        torch.tensor(made.notes.kept, dtype=torch.int64),
        tuple(made.notes.whole),
    )
    if within is not None:
        stored = _part(stored, within.index.get_indexer(table.index), paths)
    _tell_losses(stored, table, classes, tell)
    return stored


def _made(table: pd.DataFrame, framing: str, cache: Path, tell: Tell, side: int) -> tuple[CachedRows, str]:
    """The framed images of a table, and their digest."""
    paths = [Path(path) for path in table["path"]]
    boxes = list(table["box"]) if "box" in table.columns else [""] * len(table)
    digest = hashlib.sha256(f"framing {FRAMING_FORMAT} {framing} {side}\n".encode())
    digest_images(digest, paths, list(table["label"]), boxes)

    def draw(number: int) -> Framed:
        return framed(read_boxed(paths[number], boxes[number]), framing, side)

    target = cache / f"{digest.hexdigest()[:24]}.npy"
    return cached_rows(target, len(paths), side, draw, tell, MOST_UNREADABLE), digest.hexdigest()


def _part(stored: FramedImages, wanted: NDArray[np.intp], paths: Sequence[str]) -> FramedImages:
    """The images at the places `wanted` of the framed table, as far as they could be read."""
    row_of = torch.full((len(paths),), -1)
    row_of[stored.kept] = torch.arange(len(stored.kept))
    places = torch.from_numpy(wanted.astype(np.int64))
    found = row_of[places] >= 0
    rows = row_of[places[found]]
    digest = hashlib.sha256(stored.fingerprint.encode() + places.numpy().tobytes()).hexdigest()
    asked = {utf8(paths[place]) for place in places[~found].tolist()}
    skipped = tuple(line for line in stored.skipped if any(line.startswith(f"{path}: ") for path in asked))
    whole = tuple(torch.isin(rows, torch.tensor(stored.whole, dtype=torch.int64)).nonzero()[:, 0].tolist())
    kept = found.nonzero()[:, 0]
    return FramedImages(stored.images[rows], stored.reach[rows], stored.labels[rows], digest, skipped, kept, whole)


def _tell_losses(stored: FramedImages, table: pd.DataFrame, classes: Sequence[str], tell: Tell) -> None:
    """Say what could not be read and where no cell was found; InputError for a class that is lost."""
    if stored.skipped:
        tell(
            f"{len(stored.skipped):,} of {len(table):,} images cannot be read: skipped are {shortened(stored.skipped)}"
        )
    if stored.whole:
        tell(f"No cell was found in {len(stored.whole):,} of {len(stored.labels):,} images: they stand whole.")
    lost = sorted(set(table["label"]) - {classes[label] for label in stored.labels.unique().tolist()})
    if lost:
        raise InputError(f"No image of {', '.join(lost)} can be read. First: {stored.skipped[0]}")


def frame_simulated(
    count: int,
    first_seed: int,
    framing: str,
    cache: Path,
    tell: Tell,
    classes: Sequence[str] = CLASSES,
    side: int | None = None,
) -> FramedImages:
    """Frame `count` simulated cells, the `classes` (each one of ours) in turn, from seeds `first_seed` on."""
    side = side or FRAMED_SIDE.get(framing, SIDE)
    foreign = [name for name in classes if name not in CLASSES]
    if foreign:
        raise InputError(f"Simulated cells are of our five classes, none is a {foreign[0]}: set data.simulated = 0.")
    formats = f"framing {FRAMING_FORMAT} drawing {DRAWING_FORMAT}"
    digest = hashlib.sha256(f"{formats} {framing} {side} {count} {first_seed} {' '.join(classes)}".encode())
    labels = torch.arange(count) % len(classes)

    def draw(number: int) -> Framed:
        return framed(draw_cell(classes[int(labels[number])], first_seed + number).image, framing, side)

    made = cached_rows(cache / f"{digest.hexdigest()[:24]}.npy", count, side, draw, tell, 0.0)
    kept = torch.arange(count)
    return FramedImages(made.images, made.reach, labels, digest.hexdigest(), (), kept, tuple(made.notes.whole))
