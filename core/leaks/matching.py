"""Whether two images show the same photograph: key points that agree on one similarity (shift, turn, scale, mirrored or
not; with many points also shear), then how well the pixels under it agree."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.leaks.fingerprint import Fingerprint, as_mirrored, rooted

Complex = NDArray[np.complex64]
Picture = NDArray[np.float32]

ALIKE = 0.80  # affinity of two descriptors, 1 for equal ones
NEAR = 0.02  # of the second image's longest side: how far a point may lie from where it should
SCALES, TURNS = 0.5, 0.5  # natural logarithm and radians: how far a point's own size and angle may be off
FEWEST = 4
FEW_FOR_SHEAR, MOST_SHEAR = 8, 0.4
FINE, COARSE = 1.0, 4.0  # px: standard deviations whose difference is the band that is compared
LEAST_OVERLAP = 0.05  # of the smaller picture
LEAST_PIXELS = 250
MOST_ASKED, LEAST_ASKED = 0.80, 0.50  # similarity asked where few and where many points agree
A_POINT_MORE = 0.04

# smallest size of two groups, and the points and similarity that join them. Photographs of overlapping fields agree in
# part (up to some 25 points in BCCD's), copies among many of one photograph in far more
JOINING = ((3, 10, 0.75), (8, 30, 0.85))


@dataclass(frozen=True)
class Alignment:
    """z -> factor z + shear conj(z) + shift takes a point z = x + iy of the first image to the second.

    Where `mirrored`, z = -x + iy. In units of each image's longest side; `points` is the number of different places
    that agree.
    """

    factor: complex
    shear: complex
    shift: complex
    mirrored: bool
    points: int


def align(first: Fingerprint, second: Fingerprint, mirrored: bool) -> Alignment | None:
    """The best similarity, or None where fewer than four places agree.

    Every pair of mutual nearest descriptors proposes one (a SIFT point has a place, a size and an angle); the proposal
    with most others on its side is refined by least squares. Nothing is drawn at random.
    """
    asked = as_mirrored(first.descriptors) if mirrored else first.descriptors
    chosen, partner = _mutual(rooted(asked), rooted(second.descriptors))
    if len(chosen) < FEWEST:
        return None
    one, other = first.points[chosen], second.points[partner]
    x, angle = (-one[:, 0], np.pi - one[:, 3]) if mirrored else (one[:, 0], one[:, 3])
    source, target = x + 1j * one[:, 1], other[:, 0] + 1j * other[:, 1]
    own = (other[:, 2] / one[:, 2]) * np.exp(1j * (other[:, 3] - angle))
    agreeing = _largest_party(source, target, own)
    return _refined(source, target, own, agreeing, mirrored)


def _mutual(asked: NDArray[np.float32], stored: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of descriptors that are each other's nearest, and alike."""
    if not len(asked) or not len(stored):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    affinity = asked @ stored.T  # (K1, K2)
    partner = affinity.argmax(axis=1)
    here = np.arange(len(asked))
    mutual = (affinity.argmax(axis=0)[partner] == here) & (affinity[here, partner] > ALIKE)
    return here[mutual], partner[mutual]


def _fits(factor: Complex, own: Complex) -> NDArray[np.bool_]:
    """Whether a point's own change of size and angle goes with `factor`."""
    ratio = own / factor
    return (np.abs(np.log(np.abs(ratio))) < SCALES) & (np.abs(np.angle(ratio)) < TURNS)


def _largest_party(source: Complex, target: Complex, own: Complex) -> NDArray[np.bool_]:
    """The points that agree with the proposal of one of them, for the proposal with most."""
    moved = own[:, None] * (source[None] - source[:, None]) + target[:, None]  # (proposal, point)
    reach = NEAR * np.clip(np.abs(own), 0.3, 1)[:, None] + 0.08 * np.abs(moved - target[:, None])
    agree = (np.abs(moved - target[None]) < reach) & _fits(own[:, None], own[None])
    return np.asarray(agree[agree.sum(axis=1).argmax()])


def _refined(
    source: Complex, target: Complex, own: Complex, agreeing: NDArray[np.bool_], mirrored: bool
) -> Alignment | None:
    """Least squares over those that agree, and again over those that then do; with shear where they are many."""
    for _ in range(4):
        if agreeing.sum() < FEWEST:
            return None
        x, y = source[agreeing], target[agreeing]
        places = len(np.unique(np.round(y * 200)))
        fit = _least_squares(x, y, shear=places >= FEW_FOR_SHEAR)
        if fit is None:
            return None
        factor, shear, shift = fit
        off = np.abs(factor * source + shear * np.conj(source) + shift - target)
        agreeing = (off < NEAR * np.clip(abs(factor), 0.3, 1)) & _fits(np.array(factor, np.complex64), own)
    return Alignment(factor, shear, shift, mirrored, places) if places >= FEWEST else None


def _least_squares(x: Complex, y: Complex, shear: bool) -> tuple[complex, complex, complex] | None:
    """The similarity, or affinity, that takes x nearest to y; None where points do not span one, or it is absurd."""
    columns = [x, np.ones_like(x)]
    if shear:
        # y = a x + b conj(x) + c, whose real and imaginary parts are linear in those of a, b and c
        columns.insert(1, np.conj(x))
    left = np.concatenate(
        [np.column_stack([part for c in columns for part in pair(c)]) for pair in (_real_rows, _imaginary_rows)]
    )
    solved, _, rank, _ = np.linalg.lstsq(left.astype(np.float64), np.concatenate([y.real, y.imag]), rcond=1e-6)
    if rank < left.shape[1]:
        return None
    values = solved[0::2] + 1j * solved[1::2]
    factor, bend, shift = complex(values[0]), complex(values[1]) if shear else 0j, complex(values[-1])
    return (factor, bend, shift) if 0.05 < abs(factor) < 20 and abs(bend) < MOST_SHEAR * abs(factor) else None


def _real_rows(column: Complex) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How the real part of (p + iq) column depends on p and q."""
    return column.real, -column.imag


def _imaginary_rows(column: Complex) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How the imaginary part of (p + iq) column depends on p and q."""
    return column.imag, column.real


def pixel_similarity(first: Fingerprint, second: Fingerprint, alignment: Alignment) -> float:
    """Correlation (-1 to 1) of the band-passed pictures over their overlap; 0 where that is too small to tell.

    The band leaves out what cells of one kind share (a dark disc in the middle) and any affine change of the colour.
    Both pictures are compared at the coarser one's resolution.
    """
    scale = abs(alignment.factor)
    longest, other = max(first.thumb.shape), max(second.thumb.shape)
    resolution = min(other, longest / scale)  # px a unit of the second image
    moved, moved_valid = _reduced(first, resolution * scale / longest)
    fixed, fixed_valid = _reduced(second, resolution / other)
    size = (fixed.shape[1], fixed.shape[0])
    matrix = _matrix(alignment, resolution)
    picture = np.asarray(cv2.warpAffine(moved, matrix, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
    valid = (cv2.warpAffine(moved_valid, matrix, size, flags=cv2.INTER_NEAREST) > 0) & (fixed_valid > 0)
    smaller = min(int(moved_valid.sum()), int(fixed_valid.sum()))
    if valid.sum() < max(LEAST_PIXELS, LEAST_OVERLAP * smaller):
        return 0.0
    return _correlation(_band(picture, valid), _band(fixed, valid))


def _matrix(alignment: Alignment, resolution: float) -> NDArray[np.float64]:
    """The alignment for pixel indices, 2 x 3: a pixel's middle lies half a pixel beyond its index."""
    a, b = alignment.factor / abs(alignment.factor), alignment.shear / abs(alignment.factor)
    linear = np.array([[a.real + b.real, b.imag - a.imag], [a.imag + b.imag, a.real - b.real]])
    linear[:, 0] *= -1 if alignment.mirrored else 1
    shift = np.array([alignment.shift.real, alignment.shift.imag]) * resolution + linear @ (0.5, 0.5) - 0.5
    return np.column_stack([linear, shift])


def _reduced(image: Fingerprint, factor: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    thumb, valid = image.thumb, image.valid.astype(np.uint8)
    if factor > 0.99:
        return thumb, valid
    size = (max(1, round(thumb.shape[1] * factor)), max(1, round(thumb.shape[0] * factor)))
    return (
        np.asarray(cv2.resize(thumb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8),
        np.asarray(cv2.resize(valid, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8),
    )


def _band(picture: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Picture:
    """Fine less coarse blur of the valid pixels, each blur taken over valid pixels alone: (count,)."""
    weight = valid.astype(np.float32)
    values = (picture.astype(np.float32) - picture[valid].mean()) * weight
    fine, coarse = (
        cv2.GaussianBlur(values, (0, 0), sigma) / (cv2.GaussianBlur(weight, (0, 0), sigma) + 1e-3)
        for sigma in (FINE, COARSE)
    )
    return np.asarray((fine - coarse)[valid], dtype=np.float32)


def _correlation(one: Picture, other: Picture) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / norm if norm > 1e-6 else 0.0


@dataclass(frozen=True)
class Match:
    """What speaks for one photograph: the number of points that agree and the similarity of the pixels."""

    points: int
    similarity: float

    @property
    def same(self) -> bool:
        """Whether that is enough: the fewer points, the more the pixels must be alike."""
        asked = max(LEAST_ASKED, MOST_ASKED - A_POINT_MORE * (self.points - FEWEST))
        return self.points >= FEWEST and self.similarity >= asked

    def joins(self, size: int) -> bool:
        """Whether it does by itself to join two groups, the smaller of `size` images."""
        asked = [(points, similarity) for least, points, similarity in JOINING if size >= least]
        return self.same and all(
            self.points >= points and self.similarity >= similarity for points, similarity in asked
        )


def compare(first: Fingerprint, second: Fingerprint, mirrored: bool) -> Match:
    """Compare two images, the first one mirrored or not."""
    alignment = align(first, second, mirrored)
    if alignment is None:
        return Match(0, 0.0)
    return Match(alignment.points, pixel_similarity(first, second, alignment))
