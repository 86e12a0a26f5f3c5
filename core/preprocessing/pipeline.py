"""The cell pipeline of Islam et al. 2024 (Fig. 3), stage by stage; and which of the pieces left by threshold and
morphology is the cell."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.parameters import CellParameters
from core.preprocessing.surround import field_of

Box = tuple[int, int, int, int]

REFERENCE_FRAME = 640 * 480  # px of the frame to which `minimum_area` refers
NOTHING_BETWEEN = "nothing in the picture lies between the bounds (after erosion and dilation)"
NO_NUCLEUS = "no nucleus stands out from the rest of the picture"
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


@dataclass(frozen=True)
class ChosenCell:
    """The cell's filled mask `(H, W) uint8` 0 or 255, or None with the `reason` in words."""

    mask: NDArray[np.uint8] | None
    reason: str = ""


def disc(diameter: int) -> NDArray[np.uint8]:
    """Return a filled disc `(diameter, diameter) uint8` as a structuring element."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), dtype=np.uint8)


def choose_cell(pieces: NDArray[np.uint8], rgb: NDArray[np.uint8], parameters: CellParameters) -> ChosenCell:
    """Choose the cell among `pieces` `(H, W) uint8` of `rgb` `(H, W, 3) uint8`; what surrounds the field is none.

    Pieces nearer to one another than `join_distance` form one group; a group's outline is filled. Groups of an
    implausible area, solidity or absorption drop out; of those left the largest or the most central is the cell.
    """
    field = field_of(rgb)
    groups = _groups(np.where(field, pieces, np.uint8(0)), parameters.join_distance)
    if not groups:
        return ChosenCell(None, NO_NUCLEUS if parameters.mode == "automatic" else NOTHING_BETWEEN)
    background = bright_green(rgb, field)
    plausible, reasons = [], []
    for group in sorted(groups, key=lambda group: -cv2.contourArea(group.hull)):
        reason = group.implausible(pieces.size, rgb, background, parameters)
        reasons.append(reason)
        if not reason:
            plausible.append(group)
    if not plausible:
        return ChosenCell(None, reasons[0])
    height, width = pieces.shape
    if parameters.choice == "central":
        x, y = parameters.region_x / 100 * (width - 1), parameters.region_y / 100 * (height - 1)
        best = min(plausible, key=lambda group: group.distance(x, y))
    else:
        best = max(plausible, key=lambda group: group.area)
    return ChosenCell(best.filled((height, width)))


def bright_green(rgb: NDArray[np.uint8], field: NDArray[np.bool_]) -> float:
    """Green of the field's background: the 95th percentile of a sample of at most some 10,000 pixels, at least 1."""
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 10_000)))
    sample = rgb[::step, ::step, 1][field[::step, ::step]]
    return max(1.0, float(np.percentile(sample, 95))) if sample.size else 255.0


@dataclass(frozen=True)
class _Group:
    """Pieces that lie close together: `mask` `(h, w) uint8` filled, its place `(x, y)` in the frame, hull and area."""

    mask: NDArray[np.uint8]
    corner: tuple[int, int]
    hull: NDArray[np.int32]
    area: int

    def implausible(self, frame: int, rgb: NDArray[np.uint8], background: float, parameters: CellParameters) -> str:
        share = 100.0 * self.area / frame
        smallest = parameters.minimum_area * float(np.sqrt(REFERENCE_FRAME / frame))
        solidity = self.area / max(1.0, float(cv2.contourArea(self.hull)))
        if share < smallest:
            return f"the largest find covers {share:.2f} % of the frame, less than {smallest:.2f} %"
        if share > parameters.maximum_area:
            return f"the largest find covers {share:.0f} % of the frame, more than {parameters.maximum_area:g} %"
        if solidity < parameters.minimum_solidity:
            return f"the largest find is too ragged for a cell (solidity {solidity:.2f})"
        absorption = 1.0 - self._mean_green(rgb) / background
        if absorption < parameters.minimum_absorption:
            return f"the largest find is too pale for a cell (it takes up {max(0.0, absorption):.0%} of green light)"
        return ""

    def distance(self, x: float, y: float) -> float:
        """Distance from a point to the nearest pixel of the group (0 inside), with the centroid's as tie-breaker."""
        rows, columns = np.nonzero(self.mask)
        squared = (columns + self.corner[0] - x) ** 2 + (rows + self.corner[1] - y) ** 2
        centroid = np.hypot(columns.mean() + self.corner[0] - x, rows.mean() + self.corner[1] - y)
        return float(np.sqrt(squared.min()) + 1e-3 * centroid)

    def filled(self, shape: tuple[int, int]) -> NDArray[np.uint8]:
        mask = np.zeros(shape, dtype=np.uint8)
        (x, y), (height, width) = self.corner, self.mask.shape
        mask[y : y + height, x : x + width] = self.mask
        return mask

    def _mean_green(self, rgb: NDArray[np.uint8]) -> float:
        (x, y), (height, width) = self.corner, self.mask.shape
        return float(cv2.mean(rgb[y : y + height, x : x + width, 1], self.mask)[0])


def _groups(pieces: NDArray[np.uint8], join_distance: int) -> list[_Group]:
    """Close gaps up to `join_distance` and return each connected, filled group."""
    closed = _closed(pieces, join_distance)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    groups = []
    for contour in contours:
        x, y, width, height = cv2.boundingRect(contour)
        mask = np.zeros((height, width), dtype=np.uint8)
        cv2.drawContours(mask, [contour], 0, 255, cv2.FILLED, offset=(-x, -y))
        hull = np.asarray(cv2.convexHull(contour), dtype=np.int32)
        groups.append(_Group(mask, (x, y), hull, int(cv2.countNonZero(mask))))
    return groups


def _closed(pieces: NDArray[np.uint8], distance: int) -> NDArray[np.uint8]:
    """Fill every place within half `distance` of pieces on both sides (a closing by a disc, by distance transforms)."""
    if distance < 1:
        return pieces
    reach = distance / 2
    room = distance + 2
    padded = cv2.copyMakeBorder(pieces, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
    near = (cv2.distanceTransform(255 - padded, cv2.DIST_L2, 3) <= reach).astype(np.uint8) if padded.any() else padded
    closed = (cv2.distanceTransform(near, cv2.DIST_L2, 3) > reach).astype(np.uint8) * 255
    joined = np.asarray(cv2.bitwise_or(closed, padded), dtype=np.uint8)
    return np.ascontiguousarray(joined[room:-room, room:-room])


def reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`(H, W) or (H, W, 3) uint8`, reduced to a longest side of `side` px where it is larger (area averaging)."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


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
