"""The cell pipeline of Islam et al. 2024 (Fig. 3), stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.candidates import choose_cell, disc
from core.preprocessing.parameters import CellParameters
from core.preprocessing.reduction import reduced

WORKING_SIDE = 1280  # px of the longer side above which threshold and morphology run on a reduced copy
CONTOUR_COLOUR = (0, 170, 60)
STAGES = (
    "original",
    "padded",
    "thresholded",
    "eroded",
    "dilated",
    "contour",
    "masked",
    "cropped",
    "resized",
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class CellCrop:
    """A cell cut out of a picture, with every stage on the way.

    `box` `(x, y, w, h)` and `mask` `(H, W) bool` are in the input's coordinates. Without a cell `found` is False,
    `reason` says why in words, `box` is None, `mask` is False everywhere, and the last stages hold the whole frame.
    `stages` maps each name of `STAGES` to a picture, `(h, w, 3) uint8` RGB or, for thresholded, eroded and dilated,
    `(h, w) uint8` 0 or 255. From padded to masked they have the working size (the input's, or 1,280 px at the longer
    side where that is more) plus the padding; original and cropped are in the input's own pixels.
    """

    parameters: CellParameters
    found: bool
    reason: str
    box: Box | None
    mask: NDArray[np.bool_]
    stages: dict[str, NDArray[np.uint8]]


def crop_cell(rgb: NDArray[np.uint8], parameters: CellParameters) -> CellCrop:
    """Cut the cell out of `rgb` `(H, W, 3) uint8`: pad, threshold, erode, dilate, contour, mask, crop, resize."""
    padded = _padded(reduced(rgb, WORKING_SIDE), parameters)
    thresholded = cv2.inRange(_smoothed(padded, parameters), np.array(parameters.lower), np.array(parameters.upper))
    eroded = cv2.erode(thresholded, disc(parameters.erode_size), iterations=parameters.erode_iterations)
    grown = cv2.dilate(eroded, disc(parameters.dilate_size), iterations=parameters.dilate_iterations)
    dilated = np.asarray(grown, dtype=np.uint8)
    choice = choose_cell(
        _unpadded(_within_region(dilated, parameters), parameters), _unpadded(padded, parameters), parameters
    )
    mask = _full_size(choice.mask, rgb.shape[:2])
    found = bool(mask.any())
    box: Box | None = tuple(int(v) for v in cv2.boundingRect(mask.astype(np.uint8))) if found else None  # type: ignore[assignment]
    contour, masked = _drawn(padded, choice.mask if found else None, parameters.padding)
    cropped = _cropped(rgb, mask, box)
    side = parameters.output_size
    resized = cv2.resize(cropped, (side, side), interpolation=_interpolation(cropped, side))
    pictures = (rgb, padded, thresholded, eroded, dilated, contour, masked, cropped, resized)
    stages = {name: np.asarray(picture, dtype=np.uint8) for name, picture in zip(STAGES, pictures, strict=True)}
    return CellCrop(parameters, found, choice.reason, box, mask, stages)


def _padded(rgb: NDArray[np.uint8], parameters: CellParameters) -> NDArray[np.uint8]:
    width = parameters.padding
    colour = parameters.padding_colour
    padded = cv2.copyMakeBorder(rgb, width, width, width, width, cv2.BORDER_CONSTANT, value=colour)
    return np.asarray(padded, dtype=np.uint8)


def _smoothed(rgb: NDArray[np.uint8], parameters: CellParameters) -> NDArray[np.uint8]:
    if parameters.smoothing == 0:
        return rgb
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), parameters.smoothing), dtype=np.uint8)


def _unpadded(image: NDArray[np.uint8], parameters: CellParameters) -> NDArray[np.uint8]:
    width = parameters.padding
    return np.ascontiguousarray(image[width : image.shape[0] - width, width : image.shape[1] - width])


def _within_region(pieces: NDArray[np.uint8], parameters: CellParameters) -> NDArray[np.uint8]:
    """Keep what lies in the circle of search (all of it when the radius is 0); coordinates exclude the padding."""
    if parameters.region_radius == 0:
        return pieces
    height, width = (side - 2 * parameters.padding for side in pieces.shape[:2])
    centre = (
        parameters.padding + round(parameters.region_x / 100 * (width - 1)),
        parameters.padding + round(parameters.region_y / 100 * (height - 1)),
    )
    circle = np.zeros_like(pieces)
    cv2.circle(circle, centre, round(parameters.region_radius / 100 * min(height, width)), 255, cv2.FILLED)
    return np.asarray(cv2.bitwise_and(pieces, circle), dtype=np.uint8)


def _full_size(mask: NDArray[np.uint8] | None, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Bring a working mask to the input's size; all False without one."""
    if mask is None:
        return np.zeros(shape, dtype=bool)
    if mask.shape != shape:
        mask = np.asarray(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    return mask > 0


def _drawn(
    padded: NDArray[np.uint8], mask: NDArray[np.uint8] | None, padding: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The padded picture with the cell's contour on it, and with everything outside the contour black."""
    if mask is None:
        return padded.copy(), padded.copy()
    whole = np.asarray(cv2.copyMakeBorder(mask, *(padding,) * 4, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8)
    contours, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(mask.shape) / 300))
    contour = cv2.drawContours(padded.copy(), contours, -1, CONTOUR_COLOUR, thickness)
    return np.asarray(contour, dtype=np.uint8), padded * (whole > 0)[:, :, None].astype(np.uint8)


def _cropped(rgb: NDArray[np.uint8], mask: NDArray[np.bool_], box: Box | None) -> NDArray[np.uint8]:
    """The cell's box with everything outside the cell black; the whole frame without a cell."""
    if box is None:
        return rgb
    x, y, width, height = box
    inside = mask[y : y + height, x : x + width, None]
    return np.where(inside, rgb[y : y + height, x : x + width], 0).astype(np.uint8)


def _interpolation(image: NDArray[np.uint8], side: int) -> int:
    return cv2.INTER_AREA if min(image.shape[:2]) > side else cv2.INTER_LINEAR
