"""Framed, decoded copies of a set's images in one array, made once and kept on disk for the next run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from core.classes import CLASSES
from core.data.framed import FRAMED_SIDE, SIDE, UNKNOWN, Framed, framed
from core.data.labels import shortened
from core.data.packing import packed
from core.data.source import digest_images, read_boxed
from core.errors import InputError
from core.simulation import draw_cell

__all__ = ["SIDE", "UNKNOWN", "Pack", "pack_simulated", "pack_table"]
CORE = Path(__file__).parents[1]
FRAMING_CODE = (  # a change makes copies stale
    "preprocessing/candidates.py",
    "preprocessing/cutout.py",
    "preprocessing/nucleus.py",
    "preprocessing/parameters.py",
    "preprocessing/pipeline.py",
    "data/framed.py",
    "data/source.py",
)
MOST_UNREADABLE = 0.1  # of the images of one split
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pack:
    """Images `(N, 3, S, S) uint8`, their reach `(N, 1, S, S) uint8`, labels `(N,) int64`.

    `reach` is each pixel's distance from the nucleus' convex hull as a share of the side times 254; 255 where no
    nucleus was found. `fingerprint` identifies content, labels and framing. `skipped` says of each image that could
    not be read which and why, `kept` which rows of the table the images are (-1: of another table), `whole` how many
    stand whole because no cell was found in them.
    """

    images: Tensor
    reach: Tensor
    labels: Tensor
    fingerprint: str
    skipped: tuple[str, ...] = ()
    kept: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    whole: int = 0

    def __add__(self, other: Pack) -> Pack:
        joined = hashlib.sha256(f"{self.fingerprint}+{other.fingerprint}".encode()).hexdigest()
        pairs = ((self.images, other.images), (self.reach, other.reach), (self.labels, other.labels))
        images, reach, labels = (torch.cat(pair) for pair in pairs)
        kept = torch.cat((self.kept, torch.full_like(other.kept, -1)))
        return Pack(images, reach, labels, joined, self.skipped + other.skipped, kept, self.whole + other.whole)

    def at(self, side: int) -> Pack:
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
        return Pack(images, reach, self.labels, self.fingerprint, self.skipped, self.kept, self.whole)


def pack_table(
    table: pd.DataFrame,
    framing: str,
    cache: Path,
    tell: Tell,
    classes: Sequence[str] = CLASSES,
    side: int | None = None,
) -> Pack:
    """Pack the images of `table` (columns path, label, and box where there are any), framed as `framing`.

    Labels are places in `classes`, `side` px (by default 192, 120 for "islam"). Images that cannot be read are
    skipped, counted and listed; InputError where they are more than a tenth or all of a class.
    """
    side = side or FRAMED_SIDE.get(framing, SIDE)
    paths = [Path(path) for path in table["path"]]
    boxes = list(table["box"]) if "box" in table.columns else [""] * len(table)
    names = list(table["label"])
    digest = _code_digest(FRAMING_CODE)
    digest.update(f"{framing} {side}".encode())
    digest_images(digest, paths, names, boxes)

    def draw(number: int) -> Framed:
        return framed(read_boxed(paths[number], boxes[number]), framing, side)

    made = packed(cache / f"{digest.hexdigest()[:24]}.npy", len(paths), side, draw, tell, MOST_UNREADABLE)
    labels = torch.tensor([classes.index(name) for name in names], dtype=torch.int64)[made.kept]
    skipped = tuple(f"{paths[number]}: {reason}" for number, reason in made.skipped)
    if skipped:
        tell(f"{len(skipped):,} of {len(paths):,} images cannot be read and are skipped: {shortened(skipped)}")
    if made.whole:
        tell(f"No cell was found in {made.whole:,} of {len(labels):,} images: they stand whole.")
    lost = sorted(set(names) - {classes[label] for label in labels.unique().tolist()})
    if lost:
        raise InputError(f"No image of {', '.join(lost)} can be read. First: {skipped[0]}")
    return Pack(made.images, made.reach, labels, digest.hexdigest(), skipped, made.kept, made.whole)


def pack_simulated(
    count: int,
    first_seed: int,
    framing: str,
    cache: Path,
    tell: Tell,
    classes: Sequence[str] = CLASSES,
    side: int | None = None,
) -> Pack:
    """Pack `count` simulated cells, the `classes` (each one of ours) in turn, from seeds `first_seed` on."""
    side = side or FRAMED_SIDE.get(framing, SIDE)
    foreign = [name for name in classes if name not in CLASSES]
    if foreign:
        raise InputError(f"Simulated cells are of our five classes, none is a {foreign[0]}: set data.simulated = 0.")
    drawing = sorted(path.relative_to(CORE).as_posix() for path in (CORE / "simulation").glob("*.py"))
    digest = _code_digest((*FRAMING_CODE, *drawing))
    digest.update(f"simulated {framing} {side} {count} {first_seed} {' '.join(classes)}".encode())
    labels = torch.arange(count) % len(classes)

    def draw(number: int) -> Framed:
        return framed(draw_cell(classes[int(labels[number])], first_seed + number).image, framing, side)

    made = packed(cache / f"{digest.hexdigest()[:24]}.npy", count, side, draw, tell, 0.0)
    return Pack(made.images, made.reach, labels, digest.hexdigest(), (), made.kept, made.whole)


def _code_digest(files: Sequence[str]) -> hashlib._Hash:
    digest = hashlib.sha256()
    for file in files:
        digest.update((CORE / file).read_bytes())
    return digest
