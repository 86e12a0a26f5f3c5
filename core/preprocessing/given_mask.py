"""A mask of the cell that the reader brings: read from a picture, and framed as the image was."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.preprocessing.framing import View
from core.preprocessing.nucleus import frame_extent

Mask = NDArray[np.bool_]
MOST_GREY = 0.1  # share of pixels of middling brightness from which on a picture is no mask
_WANTED = "Give a picture that is white on the cell and black around it."


def mask_of(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    """Read a mask `(H, W) bool` of an image of `shape` `(H, W, …)` from a decoded picture `(h, w, 3) uint8`.

    Pixels brighter than half the picture's brightest are the cell, so that 0 and 255 serve as well as 0 and 1.
    InputError where the sizes differ, where it is no mask but a picture with many shades, and where it marks nothing
    or everything.
    """
    if picture.shape[:2] != shape[:2]:
        found, wanted = picture.shape, shape
        raise InputError(
            f"The mask has {found[1]}x{found[0]} pixels and the image {wanted[1]}x{wanted[0]}: "
            "they must be the same. Draw the mask on the whole image, before any cut."
        )
    brightness = picture.max(axis=2) / max(1, int(picture.max()))
    if ((brightness > 0.25) & (brightness < 0.75)).mean() > MOST_GREY:
        raise InputError(f"This is no mask: it has many shades of grey. {_WANTED}")
    mask = np.asarray(brightness > 0.5)
    if not mask.any() or mask.all():
        what = "no pixel" if not mask.any() else "every pixel"
        raise InputError(f"The mask marks {what} as the cell. {_WANTED}")
    return mask


def framed_mask(mask: Mask, rgb: NDArray[np.uint8], view: View) -> Mask:
    """Frame a mask `(H, W) bool` as `view` frames its image `rgb` `(H, W, 3)`: of the size of `view.rgb`.

    Where the view reaches past the border and shows the image reflected, it shows the mask reflected. InputError where
    nothing of the mask lies in the view.
    """
    x, y, width, height = view.box
    left, top, columns, rows = frame_extent(rgb) if view.framing == "cell" else (0, 0, mask.shape[1], mask.shape[0])
    if not view.found and view.framing in ("masked", "islam"):  # the whole frame stands in, completed to a square
        side = max(width, height)
        x, y, width, height = -((side - width) // 2), -((side - height) // 2), side, side
    across = left + _reflected(np.arange(x, x + width) - left, columns)
    down = top + _reflected(np.arange(y, y + height) - top, rows)
    cut = mask[np.ix_(down, across)].astype(np.float32)
    size = view.rgb.shape[1], view.rgb.shape[0]
    shrinks = size[0] < width
    scaled = cv2.resize(cut, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    framed = np.asarray(scaled >= 0.5)
    if not framed.any():
        raise InputError(
            "Nothing of the mask lies in the part of the image that the models see. "
            "Is it the mask of the central cell? The whole image goes in with the framing 'frame'."
        )
    return framed


def _reflected(places: NDArray[np.int_], length: int) -> NDArray[np.int_]:
    """Indices of a line of `length` pixels reflected at its first and last pixel, as often as need be."""
    if length == 1:
        return np.zeros_like(places)
    folded = places % (2 * (length - 1))
    return np.minimum(folded, 2 * (length - 1) - folded)
