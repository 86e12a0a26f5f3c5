"""A reader's own regions of an image: a label picture read from a file, checked, and framed as a model's view is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.decoding import DecodedImage
from core.errors import InputError
from core.preprocessing.framing import View, framed_places

FEWEST, MOST = 2, 400

_WANTED = (
    "Save it as a PNG of 8 bits a channel, each region in one grey level or colour of its own, with hard borders and "
    "without transparency."
)


@dataclass(frozen=True, eq=False)
class OwnRegions:
    """Regions `labels` `(h, w) int32` from 0, FEWEST to MOST of them, of a whole image or of a model's view of it.

    A grey level or colour is one region, also where it lies in several pieces. `name` is the file's, `sha256` its hash.
    """

    labels: NDArray[np.int32]
    name: str
    sha256: str

    @property
    def count(self) -> int:
        """How many regions there are."""
        return int(self.labels.max()) + 1


def own_regions(decoded: DecodedImage) -> OwnRegions:
    """Read regions from a decoded label picture; labels follow the colours' order (grey levels: dark ones first).

    InputError where the file's format may not hold labels exactly (JPEG; WebP, which is lossy as a rule; more than 8
    bits a channel), and where it has fewer than FEWEST or more than MOST grey levels or colours.
    """
    if decoded.format in ("JPEG", "WebP"):
        raise InputError(
            f"{decoded.name} is a {decoded.format} file, whose colours can run into each other at borders. {_WANTED}"
        )
    if decoded.bit_depth > 8:
        raise InputError(f"{decoded.name} has {decoded.bit_depth} bits a channel, of which 8 can be read. {_WANTED}")
    codes = np.zeros(decoded.rgb.shape[:2], dtype=np.int32)
    for channel in range(3):
        codes = codes << 8 | decoded.rgb[..., channel]
    present = np.zeros(2**24, dtype=np.bool_)
    present[codes] = True
    count = int(np.count_nonzero(present))
    if count < FEWEST:
        raise InputError(f"{decoded.name} has one grey level or colour everywhere: that is one region. {_WANTED}")
    if count > MOST:
        raise InputError(
            f"{decoded.name} has {count:,} grey levels or colours, and so as many regions; at most {MOST} are taken. "
            f"{_WANTED}"
        )
    numbers = np.cumsum(present, dtype=np.int32) - 1
    return OwnRegions(numbers[codes], decoded.name, decoded.sha256)


def framed_regions(regions: OwnRegions, rgb: NDArray[np.uint8], view: View) -> NDArray[np.int32]:
    """The regions as `view` frames the image `rgb` `(H, W, 3)`, `(h, w) int32` of the size of `view.rgb`.

    They are the image's own where they have its size, and are cut and scaled with it (nearest neighbour; reflected
    where the view is); or the view's, where they have that size. Numbers stay. InputError for any other size, and
    where the view shows one region alone.
    """
    size = regions.labels.shape
    if size == rgb.shape[:2]:
        down, across = framed_places(rgb, view)
        cut = regions.labels[np.ix_(down, across)]
        shape = view.rgb.shape[1], view.rgb.shape[0]
        framed = np.asarray(cv2.resize(cut, shape, interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.int32)
    elif size == view.rgb.shape[:2]:
        framed = regions.labels
    else:
        raise InputError(
            f"{regions.name} has {size[1]}x{size[0]} pixels. The regions must have the size of the image, "
            f"{rgb.shape[1]}x{rgb.shape[0]}, or of the part of it that the model sees, "
            f"{view.rgb.shape[1]}x{view.rgb.shape[0]}."
        )
    if framed.min() == framed.max():
        raise InputError(
            f"Only one of the {regions.count} regions in {regions.name} lies in the part of the image that the model "
            "sees: there is nothing to compare."
        )
    return framed
