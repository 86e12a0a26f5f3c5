"""The pixels that a row of a data set stands for: a whole image, or the cell in a box of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.decoding import MAX_BYTES, MIN_SIDE, read_image
from core.errors import InputError

MARGIN = 0.5  # of the box's longer side, around it: surroundings that a square cut-out shows, rather than reflections


def read_boxed(path: Path, box: str = "") -> NDArray[np.uint8]:
    """Decode an image `(H, W, 3) uint8`; of a box "x0,y0,x1,y1" in px, that part with a margin around it.

    InputError where the image cannot be read or the box lies outside it.
    """
    rgb = read_image(path).rgb
    if not box:
        return rgb
    x0, y0, x1, y1 = map(int, box.split(","))
    height, width = rgb.shape[:2]
    if x0 >= width or y0 >= height or x1 <= x0 or y1 <= y0:
        raise InputError(f"the box {box} lies outside its {width}x{height} px")
    margin = max(round(MARGIN * max(x1 - x0, y1 - y0)), MIN_SIDE // 2)
    part = rgb[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin]
    return np.ascontiguousarray(part)


def digest_images(digest: hashlib._Hash, paths: Sequence[Path], labels: Sequence[str], boxes: Sequence[str]) -> None:
    """Feed the images' contents, names, labels and boxes to `digest`; what cannot be read counts as such."""
    for path, label, box in zip(paths, labels, boxes, strict=True):
        digest.update(f"{label} {path.parent.name}/{path.name} {box}".encode("utf-8", "surrogateescape"))
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError):
            content = b"unreadable"
        digest.update(hashlib.sha256(content).digest())
