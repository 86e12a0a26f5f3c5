"""Framed, decoded copies of a set's images in one array, made once and kept on disk for the next run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.classes import CLASSES
from core.decoding import read_image
from core.preprocessing.cutout import cut_out, square
from core.simulation import draw_cell
from core.transform import resize

SIDE = 192  # px at which images are kept: a PBC cut-out is about as large
UNKNOWN = 255
CORE = Path(__file__).parents[1]
FRAMING_CODE = ("preprocessing/nucleus.py", "preprocessing/cutout.py", "data/pack.py")  # a change makes copies stale


@dataclass(frozen=True)
class Pack:
    """Images `(N, 3, SIDE, SIDE) uint8`, their reach `(N, 1, SIDE, SIDE) uint8`, labels `(N,) int64`.

    `reach` is each pixel's distance from the nucleus' convex hull as a share of the side times 254; 255 where no
    nucleus was found. `fingerprint` identifies content, labels and framing.
    """

    images: Tensor
    reach: Tensor
    labels: Tensor
    fingerprint: str

    def __add__(self, other: Pack) -> Pack:
        joined = hashlib.sha256(f"{self.fingerprint}+{other.fingerprint}".encode()).hexdigest()
        pairs = ((self.images, other.images), (self.reach, other.reach), (self.labels, other.labels))
        images, reach, labels = (torch.cat(pair) for pair in pairs)
        return Pack(images, reach, labels, joined)

    def at(self, side: int) -> Pack:
        """The same images at another side in px (area averaging); itself when that is not smaller."""
        full = self.images.shape[-1]
        if side >= full:
            return self
        images = torch.empty((len(self.images), 3, side, side), dtype=torch.uint8)
        for start in range(0, len(images), 256):
            part = self.images[start : start + 256].float()
            images[start : start + 256] = torch.nn.functional.interpolate(part, size=side, mode="area").round()
        steps = torch.linspace(0, full - 1, side).round().long()
        return Pack(images, self.reach[:, :, steps][:, :, :, steps], self.labels, self.fingerprint)


def pack_table(table: pd.DataFrame, framing: str, cache: Path, tell: Callable[[str], None]) -> Pack:
    """Pack the images of `table` (columns path, label), framed as `framing` ("cell" or "frame")."""
    paths = [Path(path) for path in table["path"]]
    digest = _code_digest(FRAMING_CODE)
    digest.update(f"{framing} {SIDE}".encode())
    for path, label in zip(paths, table["label"], strict=True):
        digest.update(f"{label} {path.parent.name}/{path.name}".encode())
        digest.update(path.read_bytes())
    labels = [CLASSES.index(label) for label in table["label"]]

    def draw(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return _framed(read_image(paths[number]).rgb, framing)

    return _cached(cache, digest.hexdigest(), labels, draw, tell)


def pack_simulated(count: int, first_seed: int, framing: str, cache: Path, tell: Callable[[str], None]) -> Pack:
    """Pack `count` simulated cells, the classes in turn, from seeds `first_seed` on."""
    drawing = sorted(path.relative_to(CORE).as_posix() for path in (CORE / "simulation").glob("*.py"))
    digest = _code_digest((*FRAMING_CODE, *drawing))
    digest.update(f"simulated {framing} {SIDE} {count} {first_seed}".encode())
    labels = [number % len(CLASSES) for number in range(count)]

    def draw(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return _framed(draw_cell(CLASSES[labels[number]], first_seed + number).image, framing)

    return _cached(cache, digest.hexdigest(), labels, draw, tell)


def _code_digest(files: Sequence[str]) -> hashlib._Hash:
    digest = hashlib.sha256()
    for file in files:
        digest.update((CORE / file).read_bytes())
    return digest


def _framed(rgb: NDArray[np.uint8], framing: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    cut = cut_out(rgb)
    if framing == "frame":
        return resize(square(rgb), SIDE), np.full((SIDE, SIDE), UNKNOWN, dtype=np.uint8)
    return resize(cut.rgb, SIDE), _reach(cut.nucleus)


def _reach(nucleus: NDArray[np.bool_]) -> NDArray[np.uint8]:
    mask = cv2.resize(nucleus.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    points = cv2.findNonZero(mask)
    if points is None:
        return np.full((SIDE, SIDE), UNKNOWN, dtype=np.uint8)
    outside = np.ones((SIDE, SIDE), dtype=np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(points), 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 3) / SIDE
    return np.minimum(distance * 254, 254).astype(np.uint8)


def _cached(
    cache: Path,
    fingerprint: str,
    labels: list[int],
    draw: Callable[[int], tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    tell: Callable[[str], None],
) -> Pack:
    """Read the arrays of `fingerprint` from `cache`, or make them on all cores and keep them."""
    target = cache / f"{fingerprint[:24]}.npy"
    if not target.is_file():
        tell(f"Decoding and framing {len(labels)} images.")
        cache.mkdir(parents=True, exist_ok=True)
        array = np.empty((len(labels), SIDE, SIDE, 4), dtype=np.uint8)

        def fill(number: int) -> None:
            array[number, ..., :3], array[number, ..., 3] = draw(number)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, range(len(labels))))
        partial = target.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, array)
        partial.replace(target)
    stored = torch.from_numpy(np.load(target)).permute(0, 3, 1, 2)  # (N, 4, SIDE, SIDE)
    return Pack(stored[:, :3].contiguous(), stored[:, 3:].contiguous(), torch.tensor(labels), fingerprint)
