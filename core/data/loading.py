"""One image of a data set: its pixels (a whole file, or the cell in a box of it), and framed as training takes it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.decoding import MAX_BYTES, MIN_SIDE, read_image
from core.errors import InputError
from core.files import read_plain
from core.models.classifier import resize
from core.preprocessing.framing import PAPER, cut_out, frame_image

SIDE = 192  # px at which images are kept: a PBC cut-out is about as large
FRAMED_SIDE = {"islam": PAPER.output_size}  # training sees the pixels that the pipeline puts out
UNKNOWN = 255
MARGIN = 0.5  # of the box's longer side, around it: surroundings that a square cut-out shows, rather than reflections


class Framed(NamedTuple):
    """`rgb` `(S, S, 3) uint8`, `reach` `(S, S) uint8` as in a Pack, and whether a cell was found."""

    rgb: NDArray[np.uint8]
    reach: NDArray[np.uint8]
    found: bool


def framed(rgb: NDArray[np.uint8], framing: str, side: int) -> Framed:
    """Frame `rgb` `(H, W, 3) uint8` as models trained on `framing` are shown it, at `side` px."""
    if framing == "cell":
        cut = cut_out(rgb)
        return Framed(resize(cut.rgb, side), _reach(cut.nucleus, side), cut.found)
    view = frame_image(rgb, framing)
    return Framed(resize(view.rgb, side), np.full((side, side), UNKNOWN, dtype=np.uint8), view.found)


def _reach(nucleus: NDArray[np.bool_], side: int) -> NDArray[np.uint8]:
    mask = cv2.resize(nucleus.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    points = cv2.findNonZero(mask)
    if points is None:
        return np.full((side, side), UNKNOWN, dtype=np.uint8)
    outside = np.ones((side, side), dtype=np.uint8)
    cv2.fillConvexPoly(outside, cv2.convexHull(points), 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 3) / side
    return np.minimum(distance * 254, 254).astype(np.uint8)


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
            content = read_plain(path, MAX_BYTES)
        except (OSError, ValueError):
            content = b"unreadable"
        digest.update(hashlib.sha256(content).digest())
