"""Where the cell at hand lies: its nucleus, found by how strongly it takes up stain, and the whole cell, nucleus and
cytoplasm, estimated around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_multiotsu

from core.preprocessing.pipeline import disc, reduced
from core.preprocessing.surround import field_of

Mask = NDArray[np.bool_]
Densities = NDArray[np.float32]

WORKING_SIDE = 240  # px of the shorter side at which the nucleus is sought
MINIMUM_CONTRAST = 0.2  # share of light by which a nucleus stands out from what surrounds it
AREA_LIMITS = (0.003, 0.75)  # plausible share of the frame
HALF_SIDE = 1.45  # of the square around a cell, in square roots of the nucleus' area
JOIN_DISTANCE = 0.06  # lobes closer than this share of the shorter side belong to one nucleus
BACKGROUND_PERCENTILE = 92.0  # of each channel: the empty field's colour
STRAIGHT = 0.98  # share of the field that is left when straight strips of black are cut off, if they are all there is
ANNULUS = (0.12, 0.45)  # in nuclear radii around the nucleus: where cytoplasm shows its colour, if there is any
FAR = 1.4  # nuclear radii from the nucleus: from there on what is coloured is another cell
EVIDENCE_LIMIT = 6.0  # of one pixel's log likelihood ratio
OTHERS = 0.05  # share of the frame that other cells must cover before their colour counts
NECK = 0.45  # radius in inscribed radii of the cell under which what hangs on is cut off
CYTOPLASM = 1.2  # area of a cell in areas of its nucleus from which on there is cytoplasm to speak of
PRIOR = 4.0  # log odds of cytoplasm right at the nucleus


@dataclass(frozen=True)
class Nucleus:
    """A nucleus: its mask `(H, W) bool` over the input, centroid `(x, y)` and area in px of the input."""

    mask: NDArray[np.bool_]
    centre: tuple[float, float]
    area: float


def frame_extent(rgb: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return `(x, y, w, h)` of the picture without black padding at its borders (two px of its soft edge included).

    Where the padding is no frame of straight strips, it is the box around the field inside it.
    """
    lit = rgb.max(axis=2) > 24
    x, width = _extent(lit.mean(axis=0) > 0.5)
    y, height = _extent(lit.mean(axis=1) > 0.5)
    if (width, height) == (rgb.shape[1], rgb.shape[0]):
        return x, y, width, height
    field = field_of(rgb)
    if field[y : y + height, x : x + width].sum() >= STRAIGHT * field.sum():
        return x, y, width, height
    left, top, across, down = cv2.boundingRect(field.astype(np.uint8))
    return left, top, across, down


def _extent(lit: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the part of a side that is lit; all of it when that leaves under half."""
    if not lit.any():
        return 0, len(lit)
    dark_before, dark_after = int(lit.argmax()), int(lit[::-1].argmax())
    start = dark_before + 2 if dark_before else 0
    stop = len(lit) - (dark_after + 2 if dark_after else 0)
    return (start, stop - start) if stop - start > len(lit) // 3 else (0, len(lit))


def stain_density(rgb: NDArray[np.uint8], field: Mask | None = None) -> NDArray[np.float32]:
    """Map an image to its nuclear stain, `(H, W) float32`, 0 (none) to 1 (opaque); 0 outside `field` `(H, W) bool`.

    Optical density of green + half red - half blue against the frame's own background (95th percentile of each
    channel, so that colour and strength of the light cancel), less what red absorbs above green (bluish red cells);
    then the share of light taken, 1 - exp(-density), so that a dark nucleus is one class and not two.
    """
    values = rgb.astype(np.float32) + 1.0
    inside = np.ones(rgb.shape[:2], dtype=bool) if field is None else field
    background = np.percentile(values[inside], 95, axis=0).astype(np.float32)
    red, green, blue = np.moveaxis(-np.log(np.minimum(values / background, 1.0)), 2, 0)
    density = np.minimum(green, 2.5 * red) - 0.5 * blue - np.maximum(red - green, 0)
    density[~inside] = 0.0
    return cv2.GaussianBlur(1.0 - np.exp(-0.7 * np.maximum(density, 0.0)), (0, 0), 1.0)


def find_nucleus(rgb: NDArray[np.uint8]) -> Nucleus | None:
    """Find the nucleus of the cell nearest the centre of `rgb` `(H, W, 3) uint8`; None where there is none.

    A three-class Otsu threshold of `stain_density` separates background, cytoplasm with red cells, and nucleus; lobes
    that lie close together are one nucleus, and among several the one with most stain near the centre is taken.
    """
    x, y, width, height = frame_extent(rgb)
    frame = rgb[y : y + height, x : x + width]
    scale = min(1.0, WORKING_SIDE / min(width, height))
    small = np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if min(small.shape[:2]) < 16:
        return None
    field = field_of(small)
    stained = stained_pixels(small, field)
    group = _central_group(stained) if stained is not None else None
    if group is None or not AREA_LIMITS[0] <= group.mean() <= AREA_LIMITS[1]:
        return None
    mask = np.zeros(rgb.shape[:2], dtype=bool)
    resized = cv2.resize(group.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    mask[y : y + height, x : x + width] = resized > 0
    rows, columns = np.nonzero(mask)
    return Nucleus(mask, (float(columns.mean()), float(rows.mean())), float(len(rows)))


def stained_pixels(rgb: NDArray[np.uint8], field: Mask) -> Mask | None:
    """Pixels of the field `(H, W) bool` of `rgb` `(H, W, 3)` that hold most stain: above the upper of two Otsu
    thresholds of `stain_density`. None when they do not stand out from the rest."""
    density = stain_density(rgb, field)
    seen = density[field]
    if float(seen.max() - seen.min()) < MINIMUM_CONTRAST:
        return None
    threshold = float(threshold_multiotsu(seen, classes=3)[1])
    stained = (density > threshold) & field
    rest = float(np.median(density[~stained & field]))
    if float(density[stained].mean()) - rest < MINIMUM_CONTRAST:
        return None
    return stained


def nuclear_groups(stained: Mask) -> list[Mask]:
    """The groups of close components of `stained` `(H, W) bool`, each a nucleus with its lobes."""
    opened, labels, count = _groups(stained)
    return [np.asarray((labels == number) & (opened > 0)) for number in range(1, count)]


def _groups(stained: Mask) -> tuple[NDArray[np.uint8], NDArray[np.int32], int]:
    """The components without specks, the number of each pixel's group (0: none), and one more than there are groups."""
    side = min(stained.shape)
    opened = cv2.morphologyEx(stained.astype(np.uint8), cv2.MORPH_OPEN, _disc(max(1, round(0.008 * side))))
    joined = cv2.dilate(opened, _disc(max(1, round(JOIN_DISTANCE * side / 2))))
    count, labels = cv2.connectedComponents(joined)
    return np.asarray(opened, dtype=np.uint8), np.asarray(labels, dtype=np.int32), count


def _central_group(stained: Mask) -> Mask | None:
    """The group of close components with most stained area near the centre."""
    height, width = stained.shape
    side = min(height, width)
    opened, labels, count = _groups(stained)
    if count < 2:
        return None
    rows, columns = np.mgrid[0:height, 0:width]
    squared = (rows - (height - 1) / 2) ** 2 + (columns - (width - 1) / 2) ** 2
    weight = opened * np.exp(-squared / (2 * (0.3 * side) ** 2)) + 1e-3 * opened
    scores = np.bincount(labels.ravel(), weights=weight.ravel(), minlength=count)
    return np.asarray((labels == int(scores[1:].argmax()) + 1) & (opened > 0))


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), dtype=np.uint8)


def outline_cell(rgb: NDArray[np.uint8], nucleus: Nucleus) -> Mask:
    """Estimate the cell around `nucleus` in `rgb` `(H, W, 3) uint8`; returns `(H, W) bool` in one piece, holes filled.

    What is not the empty field's colour (Otsu's threshold on optical density) is a cell. Where coloured cells lie
    about, a pixel is cytoplasm rather than red cell if the colours near the nucleus explain it better than those far
    from it (two Gaussians in optical density), with a prior that falls with the distance from the nucleus; then
    openings cut off what hangs on by a neck. An estimate: cells that touch and share a colour stay together.
    """
    x, y, width, height = frame_extent(rgb)
    inside = np.zeros(rgb.shape[:2], dtype=bool)
    inside[y : y + height, x : x + width] = field_of(rgb[y : y + height, x : x + width])
    density = _optical_density(rgb, inside)
    radius = float(np.sqrt(nucleus.area / np.pi))
    distance = np.asarray(cv2.distanceTransform((~nucleus.mask).astype(np.uint8), cv2.DIST_L2, 5) / radius)
    coloured = (_coloured(density, nucleus.mask, inside) | nucleus.mask) & inside
    cell = coloured & (_evidence(density, coloured, inside, distance, radius) > 0) | nucleus.mask
    return _in_one_piece(cell, nucleus.mask, radius)


def square_around(centre: tuple[float, float], area: float) -> tuple[int, int, int, int]:
    """The square `(x, y, w, h)` around a cell whose nucleus has this centre `(x, y)` and area, all in px."""
    side = max(16, round(2 * HALF_SIDE * float(np.sqrt(area))))
    return round(centre[0] - side / 2), round(centre[1] - side / 2), side, side


def is_nucleus_alone(mask: Mask, rgb: NDArray[np.uint8]) -> bool:
    """Whether a mask `(H, W) bool` of the cell in `rgb` `(H, W, 3) uint8` holds the nucleus and next to no cytoplasm.

    It does where it overlaps the nucleus more (IoU) than the whole cell, and the two differ by a fifth at least. Both
    are estimated on a copy of at most 240 px: on a large photograph the outline would take minutes.
    """
    small = reduced(rgb, WORKING_SIDE)
    nucleus = find_nucleus(small)
    if nucleus is None or not mask.any():
        return False
    cell = outline_cell(small, nucleus)
    size = (small.shape[1], small.shape[0])
    own = np.asarray(cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    return bool(cell.sum() > CYTOPLASM * nucleus.area and overlap(own, nucleus.mask) > overlap(own, cell))


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks of one shape, 0 to 1."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def _optical_density(rgb: NDArray[np.uint8], inside: Mask) -> Densities:
    """Optical density of each channel against the empty field's colour, `(H, W, 3) float32`."""
    smooth = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.0), dtype=np.float32)
    field = np.percentile(smooth[inside], BACKGROUND_PERCENTILE, axis=0).astype(np.float32)
    return np.maximum(-np.log((smooth + 1.0) / (field + 1.0)), np.float32(-0.1))


def _coloured(density: Densities, nucleus: Mask, inside: Mask) -> Mask:
    """Pixels denser than the empty field, by Otsu's threshold outside the nucleus."""
    total = np.linalg.norm(np.maximum(density, 0.0), axis=2)
    outside = np.minimum(total[~nucleus & inside], np.percentile(total[nucleus], 20))
    if outside.size == 0 or outside.max() <= 0:
        return nucleus
    scale = 255.0 / float(outside.max())
    threshold, _ = cv2.threshold((outside * scale).astype(np.uint8)[None], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(total * scale > threshold)


def _evidence(density: Densities, coloured: Mask, inside: Mask, distance: Densities, radius: float) -> Densities:
    """Log odds of cytoplasm against red cell, `(H, W) float32`; the prior's alone where no other cell lies about."""
    annulus = inside & (distance > ANNULUS[0]) & (distance < ANNULUS[1])
    ring, far = coloured & annulus, coloured & (distance > FAR)
    covered = ring.sum() / max(1, annulus.sum())
    if far.sum() < OTHERS * inside.sum() or ring.sum() < 30:
        return np.ones(distance.shape, dtype=np.float32)
    others = _Gaussian(density[far])
    sample = density[ring]
    if covered < 0.5:
        unlike = sample[others.surprise(sample) > np.percentile(others.surprise(density[far]), 80)]
        sample = unlike if len(unlike) > 30 else sample
    ratio = others.surprise(density) - _Gaussian(sample).surprise(density)
    ratio = np.clip(ratio, -EVIDENCE_LIMIT, EVIDENCE_LIMIT).astype(np.float32)
    smooth = cv2.GaussianBlur(ratio, (0, 0), max(1.0, 0.06 * radius))
    return np.asarray(smooth + PRIOR * (1.0 - distance / (0.2 + 0.9 * covered)), dtype=np.float32)


class _Gaussian:
    """A Gaussian around the median colour of a sample `(n, 3)`."""

    def __init__(self, sample: Densities) -> None:
        self.centre = np.median(sample, axis=0)
        covariance = np.cov((sample - self.centre).T) + 2e-3 * np.eye(3)
        self.whitening = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)
        self.volume = float(np.log(np.linalg.det(covariance)))

    def surprise(self, densities: Densities) -> Densities:
        """Minus twice the log likelihood, up to a constant, of densities `(…, 3)`."""
        return np.asarray((((densities - self.centre) @ self.whitening) ** 2).sum(axis=-1) + self.volume)


def _in_one_piece(cell: Mask, nucleus: Mask, radius: float) -> Mask:
    """Cut off thin necks, keep the piece around the nucleus, fill dents and holes."""
    small = 2 * max(1, round(0.12 * radius)) + 1
    opened = _morphology(cell, cv2.MORPH_OPEN, small)
    closed = _filled(_morphology(_around(opened | nucleus, nucleus), cv2.MORPH_CLOSE, small))
    inscribed = float(cv2.distanceTransform(np.pad(closed, 1).astype(np.uint8), cv2.DIST_L2, 5).max())
    large = 2 * max(1, round(NECK * inscribed)) + 1
    return _around(_morphology(closed, cv2.MORPH_OPEN, large) | nucleus, nucleus)


def _morphology(mask: Mask, operation: int, diameter: int) -> Mask:
    room = 2 * diameter
    padded = np.pad(mask.astype(np.uint8), room)
    return np.asarray(cv2.morphologyEx(padded, operation, disc(diameter))[room:-room, room:-room] > 0)


def _around(mask: Mask, nucleus: Mask) -> Mask:
    """The connected piece of `mask` that holds most of the nucleus."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    counts = np.bincount(labels[nucleus & mask], minlength=2)
    counts[0] = 0
    return np.asarray(labels == int(counts.argmax()))


def _filled(mask: Mask) -> Mask:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, dtype=np.uint8), contours, -1, 1, cv2.FILLED) > 0)
