"""One image as it is packed: framed, at one side, with each pixel's distance from the nucleus."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.cutout import cut_out
from core.preprocessing.framing import PAPER, frame_image
from core.transform import resize

SIDE = 192  # px at which images are kept: a PBC cut-out is about as large
FRAMED_SIDE = {"islam": PAPER.output_size}  # training sees the pixels that the pipeline puts out
UNKNOWN = 255


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
