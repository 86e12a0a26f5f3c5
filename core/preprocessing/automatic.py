"""Bounds suggested for the image at hand, so that the pipeline's mask is the whole cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import WORKING_SIDE, crop_cell, reduced
from core.preprocessing.segmentation import find_nucleus, outline_cell, overlap

SEARCH_SIDE = 240  # px of the longer side at which bounds are sought
SAMPLE = 6_000  # pixels that the bounds are fitted to, up to twice as many
MARGIN = 1.08  # of the search circle, in largest distances of the cell's edge from its centre
ROOM = 0.005  # of overlap that a bound may give up for distance from the colours on either side
ROUNDS = 3  # of coordinate ascent over the six bounds
MORPHOLOGIES = (
    (0.0, 0.0),
    (0.03, 0.03),
    (0.06, 0.06),
    (0.1, 0.1),
    (0.15, 0.15),
    (0.2, 0.2),
    (0.03, 0.05),
    (0.06, 0.08),
)
JOINS = (0.08, 0.0, 0.25)  # tried in turn: distances over which pieces are joined, in cell radii (as the kernels above)
SMOOTHING = 0.5  # standard deviation in px of the reduced copy, which has lost its grain: the pipeline must too
IMPOSSIBLE = (0, 255, 0)  # a colour no stain has: bounds that hold nothing

Mask = NDArray[np.bool_]
Bounds = tuple[tuple[int, int, int], tuple[int, int, int]]


def suggest_parameters(rgb: NDArray[np.uint8]) -> CellParameters:
    """Suggest parameters for the cell nearest the centre of `rgb` `(H, W, 3) uint8`; their mode is "automatic".

    The cell is outlined once by other means (`outline_cell`); then bounds, kernels and a circle of search are chosen
    so that the pipeline's own mask overlaps that outline most. A box of colours alone often holds red cells too: the
    circle (`region_*`) keeps them out where they do not touch. Without a nucleus the bounds hold nothing, so that
    `crop_cell` finds no cell and says why. Raises nothing.
    """
    small = reduced(rgb, SEARCH_SIDE)
    nucleus = find_nucleus(small)
    if nucleus is None:
        return CellParameters(lower=IMPOSSIBLE, upper=IMPOSSIBLE, mode="automatic")
    cell = outline_cell(small, nucleus)
    region = _search_circle(cell)
    lower, upper = fit_bounds(small, cell, _within(region, cell.shape))
    base = CellParameters(
        lower=lower,
        upper=upper,
        region_x=region[0],
        region_y=region[1],
        region_radius=region[2],
        choice="central",
        minimum_solidity=0.5,
        minimum_absorption=0.15,
        maximum_area=90.0,
        mode="automatic",
    )
    return _with_kernels(base, small, cell, min(WORKING_SIDE, max(rgb.shape[:2])) / max(small.shape[:2]))


def fit_bounds(rgb: NDArray[np.uint8], cell: Mask, search: Mask, sample: int = SAMPLE) -> Bounds:
    """Return the (lower, upper) box of colours whose pixels within `search` overlap `cell` most (IoU).

    About `sample` pixels at even distances stand for all. Coordinate ascent from the whole cube: each channel in turn
    takes its best interval. A bound may move while the overlap stays within 0.005 of the best; it is set amid that
    room, at 0 or 255 where the room reaches so far.
    """
    colours, inside = _sample(rgb[search], cell[search], sample)
    bounds: list[tuple[int, int]] = [(0, 255)] * 3
    for _ in range(ROUNDS):
        for channel in range(3):
            others = np.ones(len(colours), dtype=bool)
            for other in {0, 1, 2} - {channel}:
                others &= (colours[:, other] >= bounds[other][0]) & (colours[:, other] <= bounds[other][1])
            bounds[channel] = _best_interval(colours[:, channel], inside, others)
    red, green, blue = bounds
    return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])


def _best_interval(values: NDArray[np.uint8], inside: Mask, others: Mask) -> tuple[int, int]:
    """The interval of one channel with the largest overlap, amid the room around it."""
    hits = np.concatenate([[0], np.bincount(values[others & inside], minlength=256).cumsum()])
    takes = np.concatenate([[0], np.bincount(values[others], minlength=256).cumsum()])
    hit = hits[None, 1:] - hits[:-1, None]  # (256 lower, 256 upper)
    taken = takes[None, 1:] - takes[:-1, None]
    overlap = np.triu(hit / np.maximum(1, int(inside.sum()) + taken - hit))
    low, high = (int(place) for place in np.unravel_index(int(overlap.argmax()), overlap.shape))
    enough = overlap[low, high] - ROOM
    first, last = _run(overlap[:, high] >= enough, low)
    low = 0 if first == 0 else (first + last) // 2
    first, last = _run(overlap[low] >= enough, high)
    return low, 255 if last == 255 else (first + last) // 2


def _run(flags: Mask, place: int) -> tuple[int, int]:
    """First and last place of the unbroken run of True that holds `place` (itself where it is False)."""
    breaks = np.flatnonzero(~flags)
    before, after = breaks[breaks < place], breaks[breaks > place]
    return (int(before[-1]) + 1 if len(before) else 0), (int(after[0]) - 1 if len(after) else len(flags) - 1)


def _sample(colours: NDArray[np.uint8], inside: Mask, sample: int) -> tuple[NDArray[np.uint8], Mask]:
    step = max(1, len(colours) // sample)
    return colours[::step], inside[::step]


def _search_circle(cell: Mask) -> tuple[float, float, float]:
    """Centre x, y in % of the sides and radius in % of the shorter side of a circle that holds the cell."""
    height, width = cell.shape
    rows, columns = np.nonzero(cell)
    x, y = float(columns.mean()), float(rows.mean())
    radius = MARGIN * float(np.hypot(columns - x, rows - y).max()) + 1.0
    percent = (100 * x / max(1, width - 1), 100 * y / max(1, height - 1), min(200.0, 100 * radius / min(height, width)))
    return round(percent[0], 1), round(percent[1], 1), round(percent[2], 1)


def _within(region: tuple[float, float, float], shape: tuple[int, int]) -> Mask:
    height, width = shape
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = region[0] / 100 * (width - 1), region[1] / 100 * (height - 1)
    return np.asarray(np.hypot(columns - x, rows - y) <= region[2] / 100 * min(height, width))


def _with_kernels(base: CellParameters, small: NDArray[np.uint8], cell: Mask, scale: float) -> CellParameters:
    """Choose erosion, dilation and joining distance, one after the other, by the mask's overlap with `cell`."""
    radius = float(np.sqrt(cell.sum() / np.pi))

    def likeness(shares: tuple[float, float, float]) -> float:
        return overlap(crop_cell(small, base.revised(mode="automatic", **_kernels(shares, radius))).mask, cell)

    erode, dilate, _ = max(((*shares, JOINS[0]) for shares in MORPHOLOGIES), key=likeness)
    best = max(((erode, dilate, join) for join in JOINS), key=likeness)
    smoothing = round(SMOOTHING * scale, 2) if scale > 1 else 0.0
    return base.revised(mode="automatic", smoothing=smoothing, **_kernels(best, scale * radius))


def _kernels(shares: tuple[float, float, float], radius: float) -> dict[str, Any]:
    """Kernel sizes in px from (erosion, dilation, joining) in cell radii."""
    erode, dilate, join = shares
    return {
        "erode_size": min(31, 2 * round(erode * radius) + 1),
        "erode_iterations": 1,
        "dilate_size": min(31, 2 * round(dilate * radius) + 1),
        "dilate_iterations": 1,
        "join_distance": min(100, round(join * radius)),
    }
