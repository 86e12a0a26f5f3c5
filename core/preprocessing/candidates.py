"""Which of the pieces left by threshold and morphology is the cell, and why none is when none is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.preprocessing.parameters import CellParameters

REFERENCE_FRAME = 640 * 480  # px of the frame to which `minimum_area` refers
NOTHING_BETWEEN = "nothing in the picture lies between the bounds (after erosion and dilation)"
NO_NUCLEUS = "no nucleus stands out from the rest of the picture"


@dataclass(frozen=True)
class Choice:
    """The cell's filled mask `(H, W) uint8` 0 or 255, or None with the `reason` in words."""

    mask: NDArray[np.uint8] | None
    reason: str = ""


def disc(diameter: int) -> NDArray[np.uint8]:
    """Return a filled disc `(diameter, diameter) uint8` as a structuring element."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), dtype=np.uint8)


def choose_cell(pieces: NDArray[np.uint8], rgb: NDArray[np.uint8], parameters: CellParameters) -> Choice:
    """Choose the cell among `pieces` `(H, W) uint8` of `rgb` `(H, W, 3) uint8`.

    Pieces nearer to one another than `join_distance` form one group; a group's outline is filled. Groups of an
    implausible area, solidity or absorption drop out; of those left the largest or the most central is the cell.
    """
    groups = _groups(pieces, parameters.join_distance)
    if not groups:
        return Choice(None, NO_NUCLEUS if parameters.mode == "automatic" else NOTHING_BETWEEN)
    background = bright_green(rgb)
    plausible, reasons = [], []
    for group in sorted(groups, key=lambda group: -cv2.contourArea(group.hull)):
        reason = group.implausible(pieces.size, rgb, background, parameters)
        reasons.append(reason)
        if not reason:
            plausible.append(group)
    if not plausible:
        return Choice(None, reasons[0])
    height, width = pieces.shape
    if parameters.choice == "central":
        x, y = parameters.region_x / 100 * (width - 1), parameters.region_y / 100 * (height - 1)
        best = min(plausible, key=lambda group: group.distance(x, y))
    else:
        best = max(plausible, key=lambda group: group.area)
    return Choice(best.filled((height, width)))


def bright_green(rgb: NDArray[np.uint8]) -> float:
    """Green of the frame's background: the 95th percentile of a sample of at most some 10,000 pixels, at least 1."""
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 10_000)))
    return max(1.0, float(np.percentile(rgb[::step, ::step, 1], 95)))


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
