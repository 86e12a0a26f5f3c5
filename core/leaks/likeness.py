"""How well the pixels of two aligned images agree where they overlap."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.leaks.alignment import Alignment
from core.leaks.fingerprint import Fingerprint

FINE, COARSE = 1.0, 4.0  # px: standard deviations whose difference is the band that is compared
LEAST_OVERLAP = 0.05  # of the smaller picture
LEAST_PIXELS = 250
Picture = NDArray[np.float32]


def likeness(first: Fingerprint, second: Fingerprint, alignment: Alignment) -> float:
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
