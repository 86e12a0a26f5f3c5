"""Scalar fields over a frame: smooth noise, signed distances and the soft coverage they give."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Plane:
    """Pixel coordinates of a square frame.

    `x` (1, S) and `y` (S, 1) float32 broadcast to (S, S); `size` is S.
    """

    size: int
    x: Field
    y: Field

    @staticmethod
    def of(size: int) -> Plane:
        """The plane of a frame of `size` pixels a side."""
        line = np.arange(size, dtype=np.float32)
        return Plane(size, line[None, :], line[:, None])


def noise(rng: np.random.Generator, size: int, sigma: float) -> Field:
    """Gaussian noise (S, S) float32 of about zero mean and unit variance, smooth over `sigma` pixels."""
    shrink = max(1.0, sigma / 1.5)
    coarse = int(np.ceil(size / shrink)) + 8
    local = sigma / shrink
    grains = rng.standard_normal((coarse, coarse), dtype=np.float32)
    smooth: Field = np.asarray(cv2.GaussianBlur(grains, (0, 0), max(local, 0.3)), dtype=np.float32)
    smooth *= np.float32(2.0 * np.sqrt(np.pi) * max(local, 0.3))
    if shrink == 1.0:
        return smooth[4 : 4 + size, 4 : 4 + size]
    larger = cv2.resize(smooth, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)
    scaled: Field = np.asarray(larger, dtype=np.float32)
    margin = (scaled.shape[0] - size) // 2
    return scaled[margin : margin + size, margin : margin + size]


def coverage(distance: Field, softness: float) -> Field:
    """Part of each pixel (0 to 1) inside a signed distance (negative inside), fading over twice `softness` px."""
    return np.clip(0.5 - distance / np.float32(2.0 * softness), 0.0, 1.0)


def shell(distance: Field, depth: float, width: float) -> Field:
    """A band (0 to 1) of `width` px centred `depth` px inside the edge."""
    return np.exp(-np.square((distance + np.float32(depth)) / np.float32(width)))


def wavy_disc(
    plane: Plane, centre: tuple[float, float], radius: float, waves: NDArray[np.complex128], squeeze: float = 1.0
) -> Field:
    """Signed distance (approximate, negative inside) to a disc whose radius varies with the angle.

    `waves[k]` is the complex amplitude, in radii, of the k+2-nd harmonic of the outline;
    `squeeze` stretches one axis and shrinks the other, about the direction of the first wave.
    """
    dx, dy = plane.x - np.float32(centre[0]), plane.y - np.float32(centre[1])
    turn = float(np.angle(waves[0])) if len(waves) else 0.0
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    along, across = along / np.float32(squeeze), across * np.float32(squeeze)
    angles = np.linspace(-np.pi, np.pi, 721)
    harmonics = np.arange(2, len(waves) + 2)
    outline = 1.0 + np.real(np.exp(1j * np.outer(angles, harmonics)) @ waves)
    steps = ((np.arctan2(across, along) + np.float32(np.pi)) * np.float32(720 / (2 * np.pi))).astype(np.int32)
    limit = (radius * outline).astype(np.float32)[steps]
    return np.sqrt(np.square(along) + np.square(across)) - limit


def random_waves(
    rng: np.random.Generator, amplitude: float, count: int = 6, decay: float = 1.0
) -> NDArray[np.complex128]:
    """Outline waves for `wavy_disc` whose amplitude falls as harmonic ** -decay from `amplitude`."""
    order = np.arange(1, count + 1, dtype=np.float64) ** -decay
    return amplitude * order * (rng.standard_normal(count) + 1j * rng.standard_normal(count)) / np.sqrt(2.0)


def chain(plane: Plane, points: NDArray[np.float64], widths: NDArray[np.float64], warp: tuple[Field, Field]) -> Field:
    """Signed distance to a string of discs: `points` (N, 2) as (x, y), `widths` (N,) their radii, all in pixels.

    `warp` holds displacements in pixels that make the outline irregular. Far from the chain the distance is only a
    large positive number.
    """
    reach = float(widths.max()) + 8.0
    low = np.floor(points.min(axis=0) - reach).astype(int).clip(0, plane.size)
    high = np.ceil(points.max(axis=0) + reach).astype(int).clip(0, plane.size)
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    x = plane.x[:, columns] + warp[0][rows, columns]
    y = plane.y[rows] + warp[1][rows, columns]
    nearest = np.full(x.shape, 1e3, dtype=np.float32)
    for (px, py), width in zip(points.astype(np.float32), widths.astype(np.float32), strict=True):
        np.minimum(nearest, np.sqrt(np.square(x - px) + np.square(y - py)) - width, out=nearest)
    whole = np.full((plane.size, plane.size), 1e3, dtype=np.float32)
    whole[rows, columns] = nearest
    return whole
