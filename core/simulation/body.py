"""Absorbance of a white cell: cytoplasm, granules, vacuoles and chromatin of each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.simulation.fields import Field, Plane, coverage, noise, shell
from core.simulation.stain import Stain


@dataclass(frozen=True)
class Anatomy:
    """Where a cell's parts lie: signed distances (S, S) in px, negative inside, and the cell's mean radius in px."""

    plane: Plane
    cell: Field
    nucleus: Field
    radius: float


@dataclass(frozen=True)
class Chromatin:
    """How a class's nucleus is dyed: mean share of dense chromatin (0 to 1), clumps (amplitude, size in cell radii)."""

    dense: float
    coarse: tuple[float, float]
    fine: tuple[float, float]
    density: float


CHROMATIN: dict[str, Chromatin] = {
    "basophil": Chromatin(0.72, (0.2, 0.12), (0.22, 0.026), 0.82),
    "eosinophil": Chromatin(0.78, (0.2, 0.08), (0.25, 0.028), 0.94),
    "lymphocyte": Chromatin(0.88, (0.13, 0.2), (0.16, 0.03), 0.98),
    "monocyte": Chromatin(0.62, (0.1, 0.12), (0.36, 0.022), 0.90),
    "neutrophil": Chromatin(0.84, (0.22, 0.07), (0.24, 0.028), 1.0),
}


def body_absorbance(rng: np.random.Generator, stain: Stain, label: str, anatomy: Anatomy) -> NDArray[np.float32]:
    """Absorbance (S, S, 3) of a whole white cell of class `label`."""
    soft = 0.012 * anatomy.radius + 0.35
    inside = coverage(anatomy.cell, soft)[:, :, None]
    nucleus = coverage(anatomy.nucleus, soft)[:, :, None]
    chromatin = _chromatin(rng, stain, anatomy, CHROMATIN[label])
    cytoplasm, above = CYTOPLASM[label](rng, stain, anatomy)
    return inside * (cytoplasm * (1.0 - nucleus) + chromatin * nucleus + above)


def _dye(density: NDArray[np.floating[Any]], absorbance: NDArray[np.float32]) -> NDArray[np.float32]:
    return density[:, :, None] * absorbance


def _chromatin(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, kind: Chromatin) -> NDArray[np.float32]:
    size, radius = anatomy.plane.size, anatomy.radius
    coarse = kind.coarse[0] * noise(rng, size, kind.coarse[1] * radius)
    fine = kind.fine[0] * noise(rng, size, kind.fine[1] * radius)
    membrane = 0.3 * shell(anatomy.nucleus, 0.03 * radius, 0.04 * radius)
    dense = np.clip(kind.dense + rng.normal(0.0, 0.06) + coarse + fine + membrane, 0.05, 1.15).astype(np.float32)
    mixed = _dye(dense, stain.of("chromatin")) + _dye(1.0 - np.minimum(dense, 1.0), stain.of("chromatin_light"))
    return mixed * np.float32(kind.density * np.exp(rng.normal(0.0, 0.06)))


def _granules(rng: np.random.Generator, anatomy: Anatomy, spacing: float, width: float, share: float) -> Field:
    """Granules of radius about `width` on a jittered grid of `spacing` (both in cell radii), each with a peak near 1.

    `share` is the part of the grid's places that hold one.
    """
    size = anatomy.plane.size
    step, sigma = max(spacing * anatomy.radius, 1.2), max(width * anatomy.radius, 0.6)
    line = np.arange(0.0, size, step)
    places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    places = places + rng.uniform(-0.55, 0.55, places.shape) * step
    kept = places[rng.random(len(places)) < share].astype(int).clip(0, size - 1)
    grains = np.zeros((size, size), dtype=np.float32)
    grains[kept[:, 1], kept[:, 0]] = rng.uniform(0.6, 1.3, len(kept)).astype(np.float32)
    return cv2.GaussianBlur(grains, (0, 0), sigma) * np.float32(2.0 * np.pi * sigma**2)


def _vacuoles(rng: np.random.Generator, anatomy: Anatomy, count: int, largest: float) -> Field:
    """Transparency (S, S), 1 in the middle of a vacuole; `largest` radius in cell radii."""
    plane, radius = anatomy.plane, anatomy.radius
    clear = np.zeros((plane.size, plane.size), dtype=np.float32)
    rows, columns = np.nonzero((anatomy.cell < -0.08 * radius) & (anatomy.nucleus > 0.02 * radius))
    for pick in rng.integers(0, max(len(rows), 1), count if len(rows) else 0):
        own = radius * largest * rng.uniform(0.4, 1.0)
        away = np.hypot(plane.x - np.float32(columns[pick]), plane.y - np.float32(rows[pick])) - np.float32(own)
        np.maximum(clear, coverage(away, 0.3 * own + 0.3), out=clear)
    return clear


def _edge(anatomy: Anatomy, strength: float) -> Field:
    return np.float32(strength) * shell(anatomy.cell, 0.025 * anatomy.radius, 0.03 * anatomy.radius + 0.3)


def _neutrophil(rng: np.random.Generator, stain: Stain, anatomy: Anatomy) -> tuple[NDArray[np.float32], float]:
    size, radius = anatomy.plane.size, anatomy.radius
    ground = rng.uniform(0.75, 1.2) + 0.12 * noise(rng, size, 0.12 * radius) + _edge(anatomy, 0.35)
    dust = np.clip(noise(rng, size, 0.016 * radius) - 0.2, 0.0, 2.0) * np.float32(rng.uniform(0.15, 0.5))
    grains = _granules(rng, anatomy, 0.11, 0.02, rng.uniform(0.05, 0.25)) * np.float32(rng.uniform(0.3, 0.7))
    blue = np.full((size, size), rng.uniform(0.0, 0.2), dtype=np.float32)
    dyed = _dye(ground, stain.of("acid")) + _dye(dust + grains, stain.of("azure")) + _dye(blue, stain.of("basic"))
    return dyed * (1.0 - 0.9 * _vacuoles(rng, anatomy, rng.poisson(0.4), 0.06))[:, :, None], 0.0


def _eosinophil(rng: np.random.Generator, stain: Stain, anatomy: Anatomy) -> tuple[NDArray[np.float32], float]:
    size, radius = anatomy.plane.size, anatomy.radius
    packed = np.clip(_granules(rng, anatomy, 0.075, 0.034, 0.85), 0.0, 1.6)
    bare = np.clip(noise(rng, size, 0.2 * radius) - rng.uniform(1.1, 2.2), 0.0, 0.8)
    filled = (0.52 + 0.42 * packed + _edge(anatomy, 0.2)) * (1.0 - bare) * np.float32(rng.uniform(0.85, 1.15))
    blue = np.float32(0.15) + 0.6 * bare
    dyed = _dye(filled, stain.of("eosin")) + _dye(blue, stain.of("basic"))
    return dyed * (1.0 - 0.85 * _vacuoles(rng, anatomy, rng.poisson(2.0), 0.06))[:, :, None], 0.0


def _basophil(
    rng: np.random.Generator, stain: Stain, anatomy: Anatomy
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    size, radius = anatomy.plane.size, anatomy.radius
    share = rng.uniform(0.55, 1.0)
    grains = np.clip(_granules(rng, anatomy, 0.068, 0.029, share) * 1.4 - 0.3, 0.0, 1.15)
    ground = _dye(0.9 + 0.2 * noise(rng, size, 0.1 * radius), stain.of("acid"))
    haze = _dye(np.full((size, size), rng.uniform(0.5, 1.6), dtype=np.float32), stain.of("azure"))
    over = coverage(anatomy.nucleus, 0.05 * radius)
    grains = grains * (1.0 - np.float32(rng.uniform(0.2, 0.6)) * over)
    return ground + haze, _dye(grains * np.float32(rng.uniform(0.7, 1.0)), stain.of("violet"))


def _lymphocyte(rng: np.random.Generator, stain: Stain, anatomy: Anatomy) -> tuple[NDArray[np.float32], float]:
    size, radius = anatomy.plane.size, anatomy.radius
    ground = rng.uniform(0.8, 1.9) + 0.25 * noise(rng, size, 0.06 * radius) + _edge(anatomy, 0.5)
    halo = 0.25 * coverage(anatomy.nucleus - np.float32(0.05 * radius), 0.06 * radius)
    grains = _granules(rng, anatomy, 0.14, 0.03, 0.15) if rng.random() < 0.2 else np.zeros_like(ground)
    return _dye(ground * (1.0 - halo), stain.of("basic")) + _dye(grains, stain.of("azure")), 0.0


def _monocyte(rng: np.random.Generator, stain: Stain, anatomy: Anatomy) -> tuple[NDArray[np.float32], float]:
    size, radius = anatomy.plane.size, anatomy.radius
    cloudy = 0.12 * noise(rng, size, 0.2 * radius) + 0.14 * noise(rng, size, 0.025 * radius)
    ground = rng.uniform(0.65, 1.1) + cloudy + _edge(anatomy, 0.3)
    dust = np.clip(noise(rng, size, 0.02 * radius) - 0.9, 0.0, 2.0) * np.float32(rng.uniform(0.1, 0.35))
    grey = np.full((size, size), rng.uniform(0.1, 0.5), dtype=np.float32)
    dyed = _dye(ground, stain.of("basic")) + _dye(dust, stain.of("azure")) + _dye(grey, stain.of("acid"))
    count = rng.poisson(7.0) if rng.random() < 0.45 else rng.poisson(0.7)
    return dyed * (1.0 - 0.9 * _vacuoles(rng, anatomy, count, rng.uniform(0.05, 0.11)))[:, :, None], 0.0


Layers = tuple[NDArray[np.float32], NDArray[np.float32] | float]
CYTOPLASM: dict[str, Callable[[np.random.Generator, Stain, Anatomy], Layers]] = {
    "basophil": _basophil,
    "eosinophil": _eosinophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "neutrophil": _neutrophil,
}
