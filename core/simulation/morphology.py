"""The shape of a white cell's nucleus, one function a class (signed distance in px, negative inside), and what a design
makes of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.simulation.design import AS_DRAWN, WITHOUT, CellDesign
from core.simulation.fields import Field, Plane, chain, noise, random_waves, wavy_disc
from core.simulation.smear import Disc

Points = NDArray[np.float64]
Widths = NDArray[np.float64]

PATH_POINTS = 32
FAR = 1e3  # px: the distance to a nucleus that is not there


@dataclass(frozen=True)
class Lobes:
    """A lobed nucleus: how many ovals, the arc they take (radians), their radius and the threads' (in cell radii)."""

    count: int
    sweep: float
    size: float
    thread: float
    s_shaped: bool = False


def nucleus_distance(rng: np.random.Generator, plane: Plane, design: CellDesign, cell: Disc) -> Field:
    """Signed distance (S, S) to the nucleus of a cell about the disc `cell`; far away where there is none."""
    if design.nucleus == WITHOUT:
        return np.full((plane.size, plane.size), FAR, dtype=np.float32)
    inner = cell if design.nucleus_size == 1 else Disc(cell.x, cell.y, cell.radius * design.nucleus_size)
    aside = copy.deepcopy(rng) if design.other != AS_DRAWN and design.share > 0 else None
    if design.lobes:
        found = segmented_nucleus(rng, plane, inner, design.lobes)
    else:
        found = SHAPES[design.label if design.nucleus == AS_DRAWN else design.nucleus](rng, plane, inner)
    if aside is not None:
        found = _between(found, SHAPES[design.other](aside, plane, inner), design.share, cell.radius)
    return found if design.filling == 0 else _filled(found, design.filling, cell.radius)


def _between(first: Field, second: Field, share: float, reach: float) -> Field:
    """A shape between two, by their distances within `reach` px."""
    one, two = np.clip(first, -reach, reach), np.clip(second, -reach, reach)
    return np.asarray((1 - share) * one + share * two, dtype=np.float32)


def _filled(distance: Field, filling: float, reach: float) -> Field:
    """The shape on its way to its convex hull."""
    inside = (distance < 0).astype(np.uint8)
    if not inside.any():
        return distance
    hull = cv2.convexHull(np.argwhere(inside)[:, ::-1].astype(np.int32))
    solid = np.asarray(cv2.fillConvexPoly(np.zeros_like(inside), hull, 1), dtype=np.uint8)
    outer, inner = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (1 - solid, solid))
    whole = np.minimum(distance, np.asarray(outer - inner, dtype=np.float32))
    return whole if filling == 1 else _between(distance, whole, filling, reach)


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


def segmented_nucleus(rng: np.random.Generator, plane: Plane, cell: Disc, wanted: int = 0) -> Field:
    """Neutrophil: two to five lobes on thin threads, now and then a band; `wanted` asks for that many (1: a band)."""
    lobes = int(rng.choice([1, 2, 3, 4, 5], p=[0.16, 0.19, 0.37, 0.22, 0.06]))
    lobes = wanted or lobes
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
    "neutrophil": segmented_nucleus,
}
