"""Where white cells may lie: pieces of a photograph that are stained as nuclei are, by the automatic mode's measure of
nuclear stain at several levels and by the bounds of every stain preset; and pieces that touching nuclei make, split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import peak_local_max
from skimage.filters import threshold_multiotsu
from skimage.segmentation import watershed

from core.preprocessing.parameters import PRESETS, CellParameters
from core.preprocessing.pipeline import disc

Mask = NDArray[np.bool_]

TILE = 1024  # px of a tile's side, in which floating-point copies are made
HALO = 8  # px around a tile, so that its blur has no seams
FIELD_SIDE = 480  # px of the shorter side at which the field's empty background is measured
LEVELS = (0.7, 1.0, 1.35)  # of nuclear stain, in its upper Otsu threshold
FAINTEST, STRONGEST = 0.14, 0.8  # levels outside of which no nucleus begins
JOINS = (0, 4, 10)  # px over which pieces are one cell's, each tried, on a copy of REFERENCE pixels
REFERENCE = 640 * 480
SIDE_OF_NUCLEUS = 1.9  # a cell's side in square roots of its nucleus' area: between those of the classes
LEAST_AREA = 38.0  # px of the working copy: a smaller piece is a platelet, or nothing that could be judged
LEAST_STAINED = 0.03  # of a candidate's square that is stained as nuclei are, at the lowest level
LARGEST_SHARE = 0.5  # of the photograph that a piece may cover
MOST_COVERED = 0.6  # of the photograph, by a threshold that finds nuclei
SPLIT_SIDE = 72  # px at which a piece is split
SOLID = 0.95  # solidity from which on a piece is one convex thing
MOST_PARTS = 40  # of one piece
PEAK = 0.45  # least distance from the edge, in the piece's largest, at which a part has its middle
SAME_PLACE, SAME_SIZE = 0.12, 0.15  # of the side, and of its logarithm: candidates nearer than that are one
MOST = 4000  # candidates of one photograph; the smallest drop out


@dataclass(frozen=True)
class Candidate:
    """A square that may frame a white cell: its middle and side in px of the picture searched, and whether it is a part
    of a piece that was split."""

    x: float
    y: float
    side: float
    split: bool


def nuclear_candidates(rgb: NDArray[np.uint8], field: Mask) -> list[Candidate]:
    """Every place in the `field` `(H, W) bool` of `rgb` `(H, W, 3) uint8` where a white cell may lie.

    Many cells come several times, and many places hold none. A piece that is split is a candidate itself, too.
    """
    density = density_map(rgb, field)
    levels = stain_levels(density, field)
    if not levels:
        return []
    stained = np.asarray(cv2.integral((density > round(255 * levels[0])).astype(np.uint8)), dtype=np.int32)
    found: list[Candidate] = []
    for mask in stained_masks(rgb, field, density, levels):
        found += _of_mask(mask, stained)
    return distinct(found)


def stained_masks(
    rgb: NDArray[np.uint8], field: Mask, density: NDArray[np.uint8], levels: list[float]
) -> Iterator[Mask]:
    """Masks `(H, W) bool` of stained pixels: by levels of nuclear stain with lobes joined, and by each preset."""
    scale = float(np.sqrt(field.size / REFERENCE))
    for level in levels:
        above = (density > round(255 * level)).astype(np.uint8)
        opened = np.asarray(cv2.morphologyEx(above, cv2.MORPH_OPEN, disc(3)), dtype=np.uint8)
        for join in JOINS:
            reach = max(1, round(join * min(scale, 2.0)))
            yield np.asarray(_closed(opened, reach) if join else opened) > 0
    for preset in PRESETS.values():
        yield _within_bounds(rgb, preset.parameters) & field


def density_map(rgb: NDArray[np.uint8], field: Mask) -> NDArray[np.uint8]:
    """Nuclear stain (`stain_density`) in 255ths, `(H, W) uint8`, against the whole field's background, tile by tile."""
    height, width = rgb.shape[:2]
    red, green, blue = (round(float(value)) for value in empty_light(rgb, field))
    background = (red, green, blue)
    density = np.zeros((height, width), dtype=np.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            up, back = max(0, top - HALO), max(0, left - HALO)
            part = rgb[up : top + TILE + HALO, back : left + TILE + HALO]
            found = _density(part, background)[top - up : top - up + TILE, left - back : left - back + TILE]
            density[top : top + TILE, left : left + TILE] = np.minimum(255.0 * found + 0.5, 255.0)
    density[~field] = 0
    return density


def empty_light(rgb: NDArray[np.uint8], field: Mask) -> NDArray[np.float32]:
    """The light of the empty field of `rgb` `(H, W, 3)`: each channel's 95th percentile, `(3,) float32`, at least 1."""
    step = max(1, min(rgb.shape[:2]) // FIELD_SIDE)
    sample = rgb[::step, ::step][field[::step, ::step]]
    return np.maximum(np.percentile(sample, 95, axis=0), 1.0).astype(np.float32)


def _density(part: NDArray[np.uint8], background: tuple[int, int, int]) -> NDArray[np.float32]:
    """`stain_density` of a tile against a given background, by tables of the 256 values a channel has."""
    logarithms = _tables(background)
    red, green, blue = (cv2.LUT(np.ascontiguousarray(part[..., n]), logarithms[n]) for n in range(3))
    density = np.minimum(green, 2.5 * red) - 0.5 * blue - np.maximum(red - green, 0)
    taken = 1.0 - np.exp(-0.7 * np.maximum(density, 0))
    return np.asarray(cv2.GaussianBlur(taken, (0, 0), 1.0), dtype=np.float32)


@lru_cache(maxsize=64)
def _tables(background: tuple[int, int, int]) -> NDArray[np.float32]:
    values = np.arange(256, dtype=np.float32) + 1.0
    return np.stack([-np.log(np.minimum(values / (level + 1.0), 1.0)) for level in background]).astype(np.float32)


def stain_levels(density: NDArray[np.uint8], field: Mask) -> list[float]:
    """Levels of nuclear stain, 0 to 1, at which nuclei may stand apart: around the upper of two Otsu thresholds."""
    step = max(1, min(density.shape) // FIELD_SIDE)
    seen = density[::step, ::step][field[::step, ::step]]
    counts = np.bincount(seen, minlength=256)
    if np.count_nonzero(counts) < 3:
        return []
    upper = float(threshold_multiotsu(hist=(counts, np.arange(256)), classes=3)[1]) / 255
    return [level for share in LEVELS if (level := max(FAINTEST, upper * share)) <= STRONGEST]


def _within_bounds(rgb: NDArray[np.uint8], parameters: CellParameters) -> Mask:
    """The pixels between a preset's bounds, after its erosions and dilations, as the pipeline has them."""
    inside = cv2.inRange(rgb, np.array(parameters.lower), np.array(parameters.upper))
    eroded = cv2.erode(inside, disc(parameters.erode_size), iterations=parameters.erode_iterations)
    grown = cv2.dilate(eroded, disc(parameters.dilate_size), iterations=parameters.dilate_iterations)
    return np.asarray(_closed(np.asarray(grown, dtype=np.uint8), parameters.join_distance) > 0)


def _closed(pieces: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    kernel = disc(2 * (reach // 2) + 1)
    return np.asarray(cv2.morphologyEx(pieces, cv2.MORPH_CLOSE, kernel), dtype=np.uint8)


def _of_mask(mask: Mask, stained: NDArray[np.int32]) -> list[Candidate]:
    """Candidates of a mask's pieces; `stained` is the integral image of what is stained as nuclei are."""
    if not mask.any() or mask.mean() > MOST_COVERED:
        return []
    _, labels, facts, middles = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = facts[:, cv2.CC_STAT_AREA]
    plausible = (areas >= LEAST_AREA) & (areas <= LARGEST_SHARE * mask.size)
    found = []
    for number in np.flatnonzero(plausible[1:]) + 1:
        left, top, width, height, area = (int(value) for value in facts[number])
        if _sum(stained, left, top, left + width, top + height) < LEAST_STAINED * LEAST_AREA:
            continue
        piece = np.asarray(labels[top : top + height, left : left + width] == number)
        parts = [(middles[number] + 0.5, float(area), False)]
        parts += [(middle + np.array([left, top]), part, True) for middle, part in split_piece(piece)]
        found += [_candidate(*part) for part in parts if part[1] >= LEAST_AREA]
    return [one for one in found if _holds_stain(one, stained)]


def _candidate(middle: NDArray[np.float64], area: float, split: bool) -> Candidate:
    return Candidate(float(middle[0]), float(middle[1]), SIDE_OF_NUCLEUS * float(np.sqrt(area)), split)


def _holds_stain(one: Candidate, stained: NDArray[np.int32]) -> bool:
    half = one.side / 2
    found = _sum(stained, round(one.x - half), round(one.y - half), round(one.x + half), round(one.y + half))
    return found >= LEAST_STAINED * one.side**2


def _sum(integral: NDArray[np.int32], left: int, top: int, right: int, bottom: int) -> int:
    """The sum over a box, cut at the border, by an integral image."""
    height, width = integral.shape
    x0, x1 = (min(width - 1, max(0, x)) for x in (left, right))
    y0, y1 = (min(height - 1, max(0, y)) for y in (top, bottom))
    return int(integral[y1, x1]) - int(integral[y0, x1]) - int(integral[y1, x0]) + int(integral[y0, x0])


def split_piece(piece: Mask) -> list[tuple[NDArray[np.float64], float]]:
    """The middle (x, y) and the area, in px, of each part of `piece` `(h, w) bool` that bulges by itself.

    Parts are the basins of the distance from the edge, flooded from its peaks (watershed; Meyer 1994, Signal Processing
    38:113-125). None where the piece is convex, or has one peak alone.
    """
    if _solidity(piece) >= SOLID:
        return []
    scale = min(1.0, SPLIT_SIDE / max(piece.shape)) if piece.sum() < 40 * SPLIT_SIDE**2 else 0.15
    small = np.pad(cv2.resize(piece.astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), 1)
    away = cv2.GaussianBlur(cv2.distanceTransform(small, cv2.DIST_L2, 5), (0, 0), 1.0)
    largest = float(away.max())
    peaks = peak_local_max(
        away, min_distance=max(1, round(0.6 * largest)), threshold_abs=PEAK * largest, num_peaks=MOST_PARTS
    )
    if len(peaks) < 2:
        return []
    marks = np.zeros(small.shape, dtype=np.int32)
    marks[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    basins = watershed(-away, marks, mask=small > 0)
    found = []
    for number in range(1, len(peaks) + 1):
        rows, columns = np.nonzero(basins == number)
        middle = (np.array([columns.mean(), rows.mean()]) - 0.5) / scale
        found.append((middle, len(rows) / scale**2))
    return found


def _solidity(piece: Mask) -> float:
    contours, _ = cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=len)
    if len(outline) < 3:
        return 1.0
    return float(piece.sum()) / max(1.0, float(cv2.contourArea(cv2.convexHull(outline))))


def distinct(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates without near copies, of which the largest is kept; at most MOST, the largest of them."""
    kept: list[Candidate] = []
    bins: dict[tuple[int, int, int], list[Candidate]] = {}
    for one in sorted(candidates, key=lambda candidate: (-candidate.side, candidate.y, candidate.x)):
        size = int(np.log(one.side) / SAME_SIZE)
        near = (other for level in (size, size + 1) for place in _bins(one, level, 1) for other in bins.get(place, ()))
        if not any(_alike(one, other) for other in near):
            bins.setdefault(_bins(one, size, 0)[0], []).append(one)
            kept.append(one)
    return kept[:MOST]


def _bins(one: Candidate, level: int, reach: int) -> list[tuple[int, int, int]]:
    """The places of a candidate, and of what lies near it, among candidates of a size."""
    width = float(np.exp(SAME_SIZE * level))
    x, y = int(one.x / width), int(one.y / width)
    steps = range(-reach, reach + 1)
    return [(level, x + across, y + down) for across in steps for down in steps]


def _alike(one: Candidate, other: Candidate) -> bool:
    near = max(abs(one.x - other.x), abs(one.y - other.y)) < SAME_PLACE * min(one.side, other.side)
    return near and abs(float(np.log(one.side / other.side))) < SAME_SIZE
