"""What a white cell takes up of the dyes: absorbance of its cytoplasm, granules, vacuoles and chromatin, as its class
has it and as a design changes it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.simulation.design import AS_DRAWN, CellDesign
from core.simulation.fields import Field, Plane, coverage, noise, shell
from core.simulation.stain import Stain

LEAST_GRANULE = 0.02  # density from which on a pixel counts as a granule's


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


@dataclass(frozen=True)
class Layers:
    """A cell's cytoplasm: absorbance (S, S, 3) beside the nucleus and, where granules lie on it, `above` it.

    `granules` (S, S) is the density of the granules, near 1 at a granule's middle.
    """

    beside: NDArray[np.float32]
    above: NDArray[np.float32] | float
    granules: Field


def body_absorbance(
    rng: np.random.Generator, stain: Stain, design: CellDesign, anatomy: Anatomy
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Absorbance (S, S, 3) of a whole white cell, and where its granules lie (S, S) bool."""
    soft = 0.012 * anatomy.radius + 0.35
    inside = coverage(anatomy.cell, soft)[:, :, None]
    nucleus = coverage(anatomy.nucleus, soft)[:, :, None]
    label = design.label
    chromatin = _mixed_chromatin(rng, stain, design, anatomy)
    layers = _mixed_cytoplasm(rng, stain, design, anatomy, label if design.cytoplasm == AS_DRAWN else design.cytoplasm)
    beside = layers.beside if design.tint == 0 else _tinted(layers.beside, stain, design.tint)
    over = (anatomy.nucleus >= 0) | (np.asarray(layers.above).ndim > 0)
    where = (anatomy.cell < 0) & over & (layers.granules > LEAST_GRANULE)
    return inside * (beside * (1.0 - nucleus) + chromatin * nucleus + layers.above), where


def _mixed_chromatin(
    rng: np.random.Generator, stain: Stain, design: CellDesign, anatomy: Anatomy
) -> NDArray[np.float32]:
    """The nucleus's absorbance, mixed with that of the second class; both take the same chances."""
    mixed = design.other != AS_DRAWN and design.share > 0
    aside = copy.deepcopy(rng) if mixed else rng
    own = design.label if design.nucleus not in CHROMATIN else design.nucleus
    dyed = _chromatin(rng, stain, anatomy, _clumped(CHROMATIN[own], design.clumps)) * np.float32(design.chromatin)
    if not mixed:
        return dyed
    second = _chromatin(aside, stain, anatomy, _clumped(CHROMATIN[design.other], design.clumps))
    share = np.float32(design.share)
    return dyed * (1 - share) + second * np.float32(design.chromatin) * share


def _clumped(kind: Chromatin, clumps: float) -> Chromatin:
    if clumps == 1:
        return kind
    coarse, fine = ((strength * clumps, size) for strength, size in (kind.coarse, kind.fine))
    return Chromatin(kind.dense, coarse, fine, kind.density)


def _mixed_cytoplasm(
    rng: np.random.Generator, stain: Stain, design: CellDesign, anatomy: Anatomy, label: str
) -> Layers:
    """The cytoplasm, mixed with that of the second class; both take the same chances."""
    if design.other == AS_DRAWN or design.share == 0:
        return CYTOPLASM[label](rng, stain, anatomy, design)
    aside, share = copy.deepcopy(rng), np.float32(design.share)
    one, two = (
        CYTOPLASM[name](chance, stain, anatomy, design) for name, chance in ((label, rng), (design.other, aside))
    )
    above = np.asarray(one.above * (1 - share) + two.above * share, dtype=np.float32)
    return Layers(
        one.beside * (1 - share) + two.beside * share, above, one.granules * (1 - share) + two.granules * share
    )


def _tinted(beside: NDArray[np.float32], stain: Stain, tint: float) -> NDArray[np.float32]:
    """The cytoplasm with a dye laid over it and as much taken away: pink below 0, blue above."""
    dye = stain.of("basic" if tint > 0 else "eosin")
    part = np.float32(0.8 * abs(tint))
    strength = np.float32(1.1) * (beside.mean(axis=2) > 0.0)
    return beside * (1 - part) + part * _dye(strength, dye)


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


def _granules(
    rng: np.random.Generator, anatomy: Anatomy, design: CellDesign, spacing: float, width: float, share: float
) -> Field:
    """Granules of radius about `width` on a jittered grid of `spacing` (both in cell radii), each with a peak near 1.

    `share` is the part of the grid's places that hold one. Whatever the design makes of them, chance goes on behind as
    if they were as drawn; more than all places have are made by more weight.
    """
    if design.granules == design.granule_size == 1:
        return _strewn(rng, anatomy, spacing, width, share)
    aside, weight = copy.deepcopy(rng), max(1.0, share * design.granules)
    _strewn(rng, anatomy, spacing, width, share)
    wanted = min(1.0, share * design.granules)
    return _strewn(aside, anatomy, spacing, width * design.granule_size, wanted) * np.float32(weight)


def _dust(rng: np.random.Generator, anatomy: Anatomy, design: CellDesign, width: float, floor: float) -> Field:
    """Fine dust of granules: what of a noise of `width` (cell radii) rises over `floor`; chance goes on as drawn."""
    size, grain = anatomy.plane.size, width * anatomy.radius
    if design.granule_size == 1:
        return np.clip(noise(rng, size, grain) - floor, 0.0, 2.0)
    aside = copy.deepcopy(rng)
    noise(rng, size, grain)
    return np.clip(noise(aside, size, grain * design.granule_size) - floor, 0.0, 2.0)


def _strewn(rng: np.random.Generator, anatomy: Anatomy, spacing: float, width: float, share: float) -> Field:
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


def _granule_dye(stain: Stain, design: CellDesign, own: str) -> NDArray[np.float32]:
    return stain.of(own if design.granule_colour == AS_DRAWN else design.granule_colour)


def _neutrophil(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, design: CellDesign) -> Layers:
    size, radius, density = anatomy.plane.size, anatomy.radius, np.float32(design.cytoplasm_density)
    ground = rng.uniform(0.75, 1.2) + 0.12 * noise(rng, size, 0.12 * radius) + _edge(anatomy, 0.35)
    dust = _dust(rng, anatomy, design, 0.016, 0.2) * np.float32(rng.uniform(0.15, 0.5))
    dust = dust * np.float32(design.granules)
    grains = _granules(rng, anatomy, design, 0.11, 0.02, rng.uniform(0.05, 0.25)) * np.float32(rng.uniform(0.3, 0.7))
    blue = np.full((size, size), rng.uniform(0.0, 0.2), dtype=np.float32)
    fine = dust + grains
    dyed = _dye(ground * density, stain.of("acid")) + _dye(fine, _granule_dye(stain, design, "azure"))
    dyed = dyed + _dye(blue * density, stain.of("basic"))
    clear = (1.0 - 0.9 * _vacuoles(rng, anatomy, rng.poisson(0.4), 0.06))[:, :, None]
    return Layers(dyed * clear, 0.0, fine)


def _eosinophil(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, design: CellDesign) -> Layers:
    """Packed with granules: those out of focus are the even eosin, which goes where the granules go."""
    size, radius, density = anatomy.plane.size, anatomy.radius, np.float32(design.cytoplasm_density)
    packed = np.clip(_granules(rng, anatomy, design, 0.075, 0.034, 0.85), 0.0, 1.6)
    bare = np.clip(noise(rng, size, 0.2 * radius) - rng.uniform(1.1, 2.2), 0.0, 0.8)
    blurred = 0.52 * min(1.0, design.granules)
    filled = (blurred + 0.42 * packed + _edge(anatomy, 0.2)) * (1.0 - bare) * np.float32(rng.uniform(0.85, 1.15))
    blue = np.float32(0.15) + 0.6 * bare
    dyed = _dye(filled, _granule_dye(stain, design, "eosin")) + _dye(blue * density, stain.of("basic"))
    clear = (1.0 - 0.85 * _vacuoles(rng, anatomy, rng.poisson(2.0), 0.06))[:, :, None]
    return Layers(dyed * clear, 0.0, (np.float32(blurred) + np.float32(0.42) * packed) * (1.0 - bare))


def _basophil(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, design: CellDesign) -> Layers:
    size, radius, density = anatomy.plane.size, anatomy.radius, np.float32(design.cytoplasm_density)
    share = rng.uniform(0.55, 1.0)
    grains = np.clip(_granules(rng, anatomy, design, 0.068, 0.029, share) * 1.4 - 0.3, 0.0, 1.15)
    ground = _dye((0.9 + 0.2 * noise(rng, size, 0.1 * radius)) * density, stain.of("acid"))
    haze = _dye(np.full((size, size), rng.uniform(0.5, 1.6), dtype=np.float32) * density, stain.of("azure"))
    over = coverage(anatomy.nucleus, 0.05 * radius)
    grains = grains * (1.0 - np.float32(rng.uniform(0.2, 0.6)) * over)
    dye = _granule_dye(stain, design, "violet")
    return Layers(ground + haze, _dye(grains * np.float32(rng.uniform(0.7, 1.0)), dye), grains)


def _lymphocyte(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, design: CellDesign) -> Layers:
    size, radius, density = anatomy.plane.size, anatomy.radius, np.float32(design.cytoplasm_density)
    ground = rng.uniform(0.8, 1.9) + 0.25 * noise(rng, size, 0.06 * radius) + _edge(anatomy, 0.5)
    halo = 0.25 * coverage(anatomy.nucleus - np.float32(0.05 * radius), 0.06 * radius)
    some = rng.random() < 0.2 or design.granules > 1  # a large granular lymphocyte
    grains = _granules(rng, anatomy, design, 0.14, 0.03, 0.15) if some else np.zeros_like(ground)
    dyed = _dye(ground * density * (1.0 - halo), stain.of("basic"))
    return Layers(dyed + _dye(grains, _granule_dye(stain, design, "azure")), 0.0, grains)


def _monocyte(rng: np.random.Generator, stain: Stain, anatomy: Anatomy, design: CellDesign) -> Layers:
    size, radius, density = anatomy.plane.size, anatomy.radius, np.float32(design.cytoplasm_density)
    cloudy = 0.12 * noise(rng, size, 0.2 * radius) + 0.14 * noise(rng, size, 0.025 * radius)
    ground = rng.uniform(0.65, 1.1) + cloudy + _edge(anatomy, 0.3)
    dust = _dust(rng, anatomy, design, 0.02, 0.9) * np.float32(rng.uniform(0.1, 0.35))
    dust = dust * np.float32(design.granules)
    grey = np.full((size, size), rng.uniform(0.1, 0.5), dtype=np.float32)
    dyed = _dye(ground * density, stain.of("basic")) + _dye(dust, _granule_dye(stain, design, "azure"))
    dyed = dyed + _dye(grey * density, stain.of("acid"))
    count = rng.poisson(7.0) if rng.random() < 0.45 else rng.poisson(0.7)
    clear = (1.0 - 0.9 * _vacuoles(rng, anatomy, count, rng.uniform(0.05, 0.11)))[:, :, None]
    return Layers(dyed * clear, 0.0, dust)


CYTOPLASM: dict[str, Callable[[np.random.Generator, Stain, Anatomy, CellDesign], Layers]] = {
    "basophil": _basophil,
    "eosinophil": _eosinophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "neutrophil": _neutrophil,
}
