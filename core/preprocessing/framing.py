"""What part of a picture goes into a model: the square cut-out around a cell at one scale (what the shipped models are
trained on), the whole frame, or the masked cell of Islam et al.; and a reader's own mask framed likewise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import crop_cell
from core.preprocessing.segmentation import find_nucleus, frame_extent, square_around

Mask = NDArray[np.bool_]

LARGEST = 1024  # px of a cut-out's side; no network takes more

FRAMINGS: dict[str, str] = {
    "cell": "cut-out cell",
    "frame": "whole frame",
    "masked": "masked cell",
    "islam": "masked cell (the paper's bounds)",
}

PAPER = CellParameters()  # Islam et al. 2024: their bounds, whatever the stain
_NOT_FOUND = "No cell found: the whole frame goes in."
MOST_GREY = 0.1  # share of pixels of middling brightness from which on a picture is no mask
LEVEL_WIDTH = 8  # by which pixels of one level of a mask may differ, as they do in a JPEG
LEAST_OF_LEVEL = 0.008  # share of a mask that a third level holds at least; soft edges hold less of any one
_WANTED = "Give a picture that is white on the cell and black around it, or has a level each for nucleus and cytoplasm."


@dataclass(frozen=True)
class Cutout:
    """A square cut-out: `rgb` `(side, side, 3) uint8`, its `box` `(x, y, w, h)` in the input's coordinates.

    The box may reach past the frame: what lies outside is reflected at the border. Without a nucleus `found` is False
    and the cut-out is the whole frame, squared. `nucleus` is the nucleus' mask inside the cut-out, `(side, side) bool`.
    """

    rgb: NDArray[np.uint8]
    box: tuple[int, int, int, int]
    found: bool
    nucleus: NDArray[np.bool_]


def cut_out(rgb: NDArray[np.uint8]) -> Cutout:
    """Cut the cell nearest the centre out of `rgb` `(H, W, 3) uint8` as a square, reduced to 1,024 px where larger.

    The square's centre is the nucleus' centroid and its half side 1.45 times the square root of the nucleus' area, so
    that every cell comes at the same scale, whatever the magnification (measured: without it, models trained on one
    camera name 5 to 40 % of the cells of another).
    """
    nucleus = find_nucleus(rgb)
    x, y, width, height = frame_extent(rgb)
    if nucleus is None:
        side = max(width, height)
        box = (x - (side - width) // 2, y - (side - height) // 2, side, side)
    else:
        box = square_around(nucleus.centre, nucleus.area)
    mask = nucleus.mask if nucleus is not None else np.zeros(rgb.shape[:2], dtype=bool)
    scale = min(1.0, LARGEST / box[2])
    cut, inside = _scaled(box, scale), _scaled((x, y, width, height), scale)
    cut_mask = _reflected(_reduced(mask.astype(np.uint8), scale), cut, inside, cv2.BORDER_CONSTANT) > 0
    return Cutout(
        _reflected(_reduced(rgb, scale), cut, inside, cv2.BORDER_REFLECT_101), box, nucleus is not None, cut_mask
    )


def square(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complete an image to a square, reflecting it at its shorter sides' borders: no distortion, nothing lost.

    An image longer than 1,024 px is reduced to that first.
    """
    rgb = _reduced(rgb, min(1.0, LARGEST / max(rgb.shape[:2])))
    height, width = rgb.shape[:2]
    side = max(height, width)
    box = (-((side - width) // 2), -((side - height) // 2), side, side)
    return _reflected(rgb, box, (0, 0, width, height), cv2.BORDER_REFLECT_101)


def _reduced(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _scaled(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    x, y, width, height = (round(value * scale) for value in box)
    return x, y, max(1, width), max(1, height)


def _reflected(
    image: NDArray[np.uint8], box: tuple[int, int, int, int], extent: tuple[int, int, int, int], border: int
) -> NDArray[np.uint8]:
    """Take `box` out of the part `extent` of `image`; `border` says what stands outside it."""
    x, y, width, height = extent
    part = image[y : y + height, x : x + width]
    left, top = box[0] - x, box[1] - y
    right, bottom = left + box[2], top + box[3]
    pads = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    padded = cv2.copyMakeBorder(part, *pads, border) if any(pads) else part
    top, left = top + pads[0], left + pads[2]
    return np.ascontiguousarray(padded[top : top + box[3], left : left + box[2]])


@dataclass(frozen=True)
class View:
    """The picture that a model is shown: `rgb` `(h, w, 3) uint8`, and where it lies in the input.

    `box` `(x, y, w, h)` is in the input's coordinates and may reach past its border (reflected there). `found` is False
    where no cell was found and the whole frame stands in; `warnings` are sentences for the reader, `parameters`
    those of the pipeline (masked framings only).
    """

    rgb: NDArray[np.uint8]
    framing: str
    box: tuple[int, int, int, int]
    found: bool
    warnings: tuple[str, ...]
    parameters: CellParameters | None = None


def frame_image(rgb: NDArray[np.uint8], framing: str, parameters: CellParameters | None = None) -> View:
    """Frame `rgb` `(H, W, 3) uint8` as one of FRAMINGS.

    "masked" is cut by the pipeline with `parameters`, by default those that the automatic mode suggests for the image;
    "islam" by the same pipeline with the fixed bounds of the paper, to 120 px.
    """
    if framing == "cell":
        cut = cut_out(rgb)
        return View(cut.rgb, framing, cut.box, cut.found, () if cut.found else (_NOT_FOUND,))
    if framing == "frame":
        height, width = rgb.shape[:2]
        side = max(height, width)
        box = (-((side - width) // 2), -((side - height) // 2), side, side)
        return View(square(rgb), framing, box, True, ())
    if framing == "masked":
        return _masked(rgb, framing, parameters or suggest_parameters(rgb))
    if framing == "islam":
        return _masked(rgb, framing, PAPER)
    raise InputError(f"No framing {framing!r}. Known: {', '.join(FRAMINGS)}.")


def framed_alike(changed: NDArray[np.uint8], rgb: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Frame a changed picture of the size of `rgb` `(H, W, 3)` exactly where `view` frames `rgb`.

    What a masked framing keeps depends on the picture's own colours: there the changed picture is framed by itself.
    """
    if view.framing == "cell":
        scale = min(1.0, LARGEST / view.box[2])
        cut, inside = _scaled(view.box, scale), _scaled(frame_extent(rgb), scale)
        return _reflected(_reduced(changed, scale), cut, inside, cv2.BORDER_REFLECT_101)
    return frame_image(changed, view.framing, view.parameters).rgb


def _masked(rgb: NDArray[np.uint8], framing: str, parameters: CellParameters) -> View:
    crop = crop_cell(rgb, parameters)
    if not crop.found or crop.box is None:
        whole = (0, 0, rgb.shape[1], rgb.shape[0])
        return View(square(rgb), framing, whole, False, (f"{_NOT_FOUND} {crop.reason}",), parameters)
    return View(crop.stages["resized"], framing, crop.box, True, (), parameters)


def framing_warning(framing: str, trained: str) -> str | None:
    """A sentence for a framing that a model was not trained on; None for its own."""
    if framing == trained:
        return None
    return f"Trained on the {FRAMINGS[trained]}, shown the {FRAMINGS[framing]}: this answer counts for little."


def mask_of(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> Mask:
    """Read a mask `(H, W) bool` of an image of `shape` `(H, W, …)` from a decoded picture `(h, w, 3) uint8`.

    Pixels brighter than half the picture's brightest are the cell, so that 0 and 255 serve as well as 0 and 1. Where
    there are three levels (background, cytoplasm and nucleus, in any order), the one that holds most of the border is
    the background, and the others are the cell. InputError where the sizes differ, where it is no mask but a picture
    with many shades, and where it marks nothing or everything.
    """
    if picture.shape[:2] != shape[:2]:
        found, wanted = picture.shape, shape
        raise InputError(
            f"The mask has {found[1]}x{found[0]} pixels and the image {wanted[1]}x{wanted[0]}: "
            "they must be the same. Draw the mask on the whole image, before any cut."
        )
    brightness = picture.max(axis=2)
    levels = _three_levels(brightness)
    mask = _marked(brightness) if levels is None else _off_background(brightness, levels)
    if not mask.any() or mask.all():
        what = "no pixel" if not mask.any() else "every pixel"
        raise InputError(f"The mask marks {what} as the cell. {_WANTED}")
    return mask


def _marked(brightness: NDArray[np.uint8]) -> Mask:
    """The bright pixels of a mask of two levels; InputError for a picture of many shades."""
    shares = brightness / max(1, int(brightness.max()))
    if ((shares > 0.25) & (shares < 0.75)).mean() > MOST_GREY:
        raise InputError(f"This is no mask: it has many shades of grey. {_WANTED}")
    return np.asarray(shares > 0.5)


def _three_levels(brightness: NDArray[np.uint8]) -> list[int] | None:
    """The three levels of a mask that has three, the most frequent first; None for any other."""
    counts = np.bincount(brightness.ravel(), minlength=256).astype(float) / brightness.size
    near = 0 if brightness.max() < 16 else LEVEL_WIDTH
    levels, covered = [], 0.0
    for _ in range(3):
        level = int(counts.argmax())
        part = slice(max(0, level - near), level + near + 1)
        share = float(counts[part].sum())
        held = (brightness >= level - near) & (brightness <= level + near)
        if share < LEAST_OF_LEVEL or not cv2.erode(held.astype(np.uint8), np.ones((3, 3), dtype=np.uint8)).any():
            return None  # a soft edge, not a level
        levels.append(level)
        covered += share
        counts[part] = 0.0
    return levels if covered > 1 - MOST_GREY / 2 else None


def _off_background(brightness: NDArray[np.uint8], levels: list[int]) -> Mask:
    """The pixels that are nearer to another level than to that which holds most of the border."""
    nearest = np.abs(brightness[..., None].astype(np.int16) - np.array(levels)).argmin(axis=2)
    border = np.concatenate([nearest[0], nearest[-1], nearest[:, 0], nearest[:, -1]])
    return np.asarray(nearest != np.bincount(border, minlength=3).argmax())


def framed_mask(mask: Mask, rgb: NDArray[np.uint8], view: View) -> Mask:
    """Frame a mask `(H, W) bool` as `view` frames its image `rgb` `(H, W, 3)`: of the size of `view.rgb`.

    Where the view reaches past the border and shows the image reflected, it shows the mask reflected. InputError where
    nothing of the mask lies in the view.
    """
    down, across = framed_places(rgb, view)
    cut = mask[np.ix_(down, across)].astype(np.float32)
    size = view.rgb.shape[1], view.rgb.shape[0]
    shrinks = size[0] < len(across)
    scaled = cv2.resize(cut, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    framed = np.asarray(scaled >= 0.5)
    if not framed.any():
        raise InputError(
            "Nothing of the mask lies in the part of the image that the models see. "
            "Is it the mask of the central cell? The whole image goes in with the framing 'frame'."
        )
    return framed


def framed_places(rgb: NDArray[np.uint8], view: View) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """The rows and the columns of the image `rgb` `(H, W, 3)` that `view` shows, before it is scaled, in its order.

    Where it reaches past the border and shows the image reflected, rows and columns come again.
    """
    x, y, width, height = view.box
    left, top, columns, rows = frame_extent(rgb) if view.framing == "cell" else (0, 0, rgb.shape[1], rgb.shape[0])
    if not view.found and view.framing in ("masked", "islam"):  # the whole frame stands in, completed to a square
        side = max(width, height)
        x, y, width, height = -((side - width) // 2), -((side - height) // 2), side, side
    across = left + _reflected_mask(np.arange(x, x + width) - left, columns)
    return top + _reflected_mask(np.arange(y, y + height) - top, rows), across


def _reflected_mask(places: NDArray[np.int_], length: int) -> NDArray[np.int_]:
    """Indices of a line of `length` pixels reflected at its first and last pixel, as often as need be."""
    if length == 1:
        return np.zeros_like(places)
    folded = places % (2 * (length - 1))
    return np.minimum(folded, 2 * (length - 1) - folded)
