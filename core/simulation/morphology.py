"""The white cell's body: the shape of its nucleus, one function a class (signed distance in px, negative inside), and
the absorbance of its cytoplasm, granules, vacuoles and chromatin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.simulation.fields import Field, Plane, chain, coverage, noise, random_waves, shell, wavy_disc
from core.simulation.smear import Disc
from core.simulation.stain import Stain

Points = NDArray[np.float64]
Widths = NDArray[np.float64]
Layers = tuple[NDArray[np.float32], NDArray[np.float32] | float]

PATH_POINTS = 32


@dataclass(frozen=True)
class Lobes:
    """A lobed nucleus: how many ovals, the arc they take (radians), their radius and the threads' (in cell radii)."""

    count: int
    sweep: float
    size: float
    thread: float
    s_shaped: bool = False


def nucleus_distance(rng: np.random.Generator, plane: Plane, label: str, cell: Disc) -> Field:
    """Signed distance (S, S) to the nucleus of a cell of class `label` whose body is about the disc `cell`."""
    return SHAPES[label](rng, plane, cell)


def _warp(rng: np.random.Generator, plane: Plane, cell: Disc, amplitude: float, scale: float) -> tuple[Field, Field]:
    sigma, strength = scale * cell.radius, np.float32(amplitude * cell.radius)
    return strength * noise(rng, plane.size, sigma), strength * noise(rng, plane.size, sigma)


def _arc(cell: Disc, radius: float, sweep: float, turn: float, count: int = PATH_POINTS) -> Points:
    """Points along an arc of `radius` (in cell radii) over `sweep` radians around its middle direction `turn`."""
    angles = turn + np.linspace(-0.5, 0.5, count) * sweep
    around = np.column_stack([np.cos(angles), np.sin(angles)]) * radius
    return np.array([cell.x, cell.y]) + cell.radius * around


def _centred(points: Points, cell: Disc, strength: float = 0.8) -> Points:
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    return points - strength * (middle - np.array([cell.x, cell.y]))


def _within(points: Points, widths: Widths, cell: Disc, limit: float = 0.91) -> Points:
    """Points drawn inwards until discs of `widths` (cell radii) around them stay within `limit` cell radii."""
    centre = np.array([cell.x, cell.y])
    away = np.linalg.norm(points - centre, axis=1, keepdims=True)
    room = cell.radius * np.maximum(limit - widths, 0.0)[:, None]
    return centre + (points - centre) * np.minimum(1.0, room / np.maximum(away, 1e-6))


def _s_bend(line: Points, cell: Disc, scale: float) -> Points:
    """Reflect the second half of a curved line about its middle's tangent (a C becomes an S), shrunk by `scale`."""
    half = (len(line) - 1) // 2
    middle, tangent = line[half], np.gradient(line, axis=0)[half]
    tangent = tangent / np.linalg.norm(tangent)
    bent, after = line.copy(), line[half:] - middle
    bent[half:] = middle + 2.0 * np.outer(after @ tangent, tangent) - after
    centre = np.array([cell.x, cell.y])
    return centre + scale * (bent - centre)


def _oval(rng: np.random.Generator, centre: Points, step: Points, size: float, unit: float) -> tuple[Points, Widths]:
    """One lobe: discs of about `size` on a short line roughly along `step`; `unit` is the cell's radius in px."""
    own = size * np.exp(rng.normal(0.0, 0.10))
    half = max(0.45 * float(np.hypot(*step)) * rng.uniform(0.8, 1.1) / unit - own, 0.25 * own)
    turn = np.arctan2(step[1], step[0]) + rng.normal(0.0, 0.5)
    place = np.linspace(-1.0, 1.0, 7)
    points = centre + unit * half * np.outer(place, [np.cos(turn), np.sin(turn)])
    return points, own * (1.0 - 0.1 * np.square(place))


def _lobed(rng: np.random.Generator, cell: Disc, plan: Lobes) -> tuple[Points, Widths]:
    """Points and radii (in cell radii) of ovals strung along an arc on threads."""
    radius = min(rng.uniform(0.48, 0.6), 0.9 - plan.size)
    line = _arc(cell, radius, plan.sweep * (plan.count - 1) / plan.count, rng.uniform(0, 2 * np.pi), plan.count)
    if plan.s_shaped:
        line = _s_bend(line, cell, 0.8)
    line = _centred(line + cell.radius * rng.normal(0.0, 0.05, line.shape), cell, rng.uniform(0.5, 0.9))
    steps = np.gradient(line, axis=0)
    parts = [_oval(rng, centre, step, plan.size, cell.radius) for centre, step in zip(line, steps, strict=True)]
    for first, second in pairwise(line):
        parts.append((first + np.linspace(0.0, 1.0, 12)[:, None] * (second - first), np.full(12, plan.thread)))
    points, widths = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _within(points, widths, cell), widths


def _band(rng: np.random.Generator, cell: Disc) -> tuple[Points, Widths]:
    points = _arc(cell, rng.uniform(0.4, 0.5), rng.uniform(2.6, 4.2), rng.uniform(0, 2 * np.pi))
    waves = np.linspace(0, 2 * np.pi, PATH_POINTS) * rng.integers(1, 3) + rng.normal(0, 0.4)
    widths = rng.uniform(0.2, 0.26) * (1.0 + 0.14 * np.cos(waves))
    return _within(_centred(points, cell), widths, cell), widths


def _segmented(rng: np.random.Generator, plane: Plane, cell: Disc) -> Field:
    """Neutrophil: two to five lobes on thin threads, now and then a band."""
    lobes = int(rng.choice([1, 2, 3, 4, 5], p=[0.16, 0.19, 0.37, 0.22, 0.06]))
    if lobes == 1:
        points, widths = _band(rng, cell)
    else:
        sweep = {2: 3.6, 3: 4.6, 4: 5.2, 5: 5.6}[lobes] * rng.uniform(0.85, 1.1)
        size = {2: 0.38, 3: 0.32, 4: 0.28, 5: 0.25}[lobes]
        s_shaped = lobes >= 3 and rng.random() < 0.3
        points, widths = _lobed(rng, cell, Lobes(lobes, sweep, size, rng.uniform(0.04, 0.18), s_shaped))
    return chain(plane, points, cell.radius * widths, _warp(rng, plane, cell, 0.04, 0.16))


def _bilobed(rng: np.random.Generator, plane: Plane, cell: Disc) -> Field:
    """Eosinophil: two large lobes, seldom three, joined by a short thread."""
    lobes = 2 if rng.random() < 0.82 else 3
    sweep, size = (rng.uniform(3.2, 5.0), 0.385) if lobes == 2 else (rng.uniform(4.2, 5.2), 0.31)
    points, widths = _lobed(rng, cell, Lobes(lobes, sweep, size, rng.uniform(0.06, 0.18)))
    return chain(plane, points, cell.radius * widths, _warp(rng, plane, cell, 0.035, 0.2))


def _clover(rng: np.random.Generator, plane: Plane, cell: Disc) -> Field:
    """Basophil: two or three fused, indistinct lobes."""
    lobes = int(rng.integers(2, 4))
    points, widths = _lobed(rng, cell, Lobes(lobes, rng.uniform(3.2, 5.0), 0.5 - 0.04 * lobes, 0.26))
    return chain(plane, points, cell.radius * widths, _warp(rng, plane, cell, 0.05, 0.25))


def _round(rng: np.random.Generator, plane: Plane, cell: Disc) -> Field:
    """Lymphocyte: round or slightly oval, close to one side of the cell."""
    radius = cell.radius * (rng.uniform(0.84, 0.94) if rng.random() < 0.75 else rng.uniform(0.72, 0.84))
    spare, turn = cell.radius - radius, rng.uniform(0, 2 * np.pi)
    shift = spare * rng.uniform(0.1, 0.85)
    centre = (cell.x + shift * np.cos(turn), cell.y + shift * np.sin(turn))
    return wavy_disc(plane, centre, radius, random_waves(rng, 0.03, 4), float(np.exp(rng.normal(0.0, 0.03))))


def _folded(rng: np.random.Generator, plane: Plane, cell: Disc) -> Field:
    """Monocyte: kidney, horseshoe, or a broad folded mass."""
    kind = rng.choice(["kidney", "horseshoe", "mass"], p=[0.42, 0.25, 0.33])
    turn, warp = rng.uniform(0, 2 * np.pi), _warp(rng, plane, cell, 0.05, 0.22)
    place = np.linspace(-1.0, 1.0, PATH_POINTS)
    if kind == "kidney":
        points = _arc(cell, rng.uniform(0.3, 0.38), rng.uniform(2.2, 3.2), turn)
        widths = rng.uniform(0.36, 0.43) * (1.0 + 0.12 * np.square(place) + 0.06 * rng.normal() * place)
    elif kind == "horseshoe":
        points = _arc(cell, rng.uniform(0.42, 0.5), rng.uniform(3.2, 4.4), turn)
        widths = rng.uniform(0.28, 0.33) * (1.0 + 0.12 * np.square(place))
    else:
        points = _arc(cell, 0.2, 2 * np.pi, turn) + cell.radius * rng.normal(0, 0.02, (PATH_POINTS, 2))
        widths = rng.uniform(0.4, 0.5) * (1.0 + rng.uniform(0.15, 0.3) * np.cos(np.pi * place * rng.integers(2, 4)))
    points = _within(_centred(points, cell, 0.85), widths, cell)
    return chain(plane, points, cell.radius * widths, warp)


SHAPES: dict[str, Callable[[np.random.Generator, Plane, Disc], Field]] = {
    "basophil": _clover,
    "eosinophil": _bilobed,
    "lymphocyte": _round,
    "monocyte": _folded,
    "neutrophil": _segmented,
}


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


CYTOPLASM: dict[str, Callable[[np.random.Generator, Stain, Anatomy], Layers]] = {
    "basophil": _basophil,
    "eosinophil": _eosinophil,
    "lymphocyte": _lymphocyte,
    "monocyte": _monocyte,
    "neutrophil": _neutrophil,
}
