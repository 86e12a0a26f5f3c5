"""What lies around a white cell: red cells, platelets and the empty slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.simulation.fields import Field, Plane, chain, coverage, noise, random_waves, wavy_disc
from core.simulation.stain import Stain


@dataclass(frozen=True)
class Disc:
    """A round region of the frame, in pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class RedCellHabit:
    """How a slide's red cells look: depth of the central pallor, fading to bare outlines (0 to 1), spiky or smooth."""

    pallor: float
    ghost: float
    crenated: bool


OVERLAP_LIMIT = np.float32(2.2)


def thickness(relative_radius: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Thickness of a biconcave red cell, 1 at its thickest, over the radius in units of its own (0 to 1; 0 outside).

    Evans & Fung 1972, "Improved measurements of the erythrocyte geometry", Microvascular Research 4:335-347:
    T(r) = sqrt(1 - r^2) (0.81 + 7.83 r^2 - 4.39 r^4) micrometres, here divided by its maximum, 2.566.
    """
    square = np.minimum(np.square(relative_radius), 1.0)
    return np.sqrt(1.0 - square) * (0.81 + 7.83 * square - 4.39 * np.square(square)) / 2.566


def scatter_red_cells(
    rng: np.random.Generator, size: int, radius: float, keep_clear: Disc | None, number: float = 1.0
) -> list[Disc]:
    """Random places for red cells of about `radius` px: overlapping now and then, hardly over `keep_clear`.

    `number` is a factor of how many there are; fewer are the first of those that there were.
    """
    crowding = rng.uniform(0.25, 0.75) * number
    spacing = rng.uniform(1.2, 2.0)
    margin = 1.2 * radius
    wanted = int(crowding * (size + 2 * margin) ** 2 / (np.pi * radius**2))
    placed: list[Disc] = []
    if not wanted:
        return placed
    for _ in range(3 * wanted):
        x, y = rng.uniform(-margin, size + margin, 2)
        disc = Disc(float(x), float(y), radius * float(np.exp(rng.normal(0.0, 0.06))))
        gap = spacing if rng.random() < 0.8 else 0.9
        clear = keep_clear is None or np.hypot(x - keep_clear.x, y - keep_clear.y) > keep_clear.radius + 0.85 * radius
        if clear and all(np.hypot(x - other.x, y - other.y) > gap * radius for other in placed):
            placed.append(disc)
        if len(placed) >= wanted:
            break
    return placed


def red_cell_density(rng: np.random.Generator, plane: Plane, cells: list[Disc], ghost: float) -> Field:
    """Density (S, S) of haemoglobin of all `cells`; `ghost` fades their inside and leaves the outline."""
    density = np.zeros((plane.size, plane.size), dtype=np.float32)
    habit = RedCellHabit(pallor=rng.uniform(0.55, 1.05), ghost=ghost, crenated=rng.random() < 0.06)
    for cell in cells:
        reach = 1.45 * cell.radius
        rows, columns = _window(cell.y, reach, plane.size), _window(cell.x, reach, plane.size)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            continue
        patch = Plane(plane.size, plane.x[:, columns], plane.y[rows])
        density[rows, columns] += _one_red_cell(rng, patch, cell, habit)
    return OVERLAP_LIMIT * (1.0 - np.exp(-density / OVERLAP_LIMIT))


def _window(centre: float, reach: float, size: int) -> slice:
    return slice(max(0, int(centre - reach)), min(size, int(centre + reach) + 1))


def _one_red_cell(rng: np.random.Generator, patch: Plane, cell: Disc, habit: RedCellHabit) -> Field:
    waves = random_waves(rng, 0.035, 4)
    if habit.crenated:
        waves = np.append(waves, 0.035 * np.exp(2j * np.pi * rng.random(5)))
    distance = wavy_disc(patch, (cell.x, cell.y), cell.radius, waves, float(np.exp(rng.normal(0.0, 0.06))))
    inside = coverage(distance, 0.05 * cell.radius + 0.4)
    relative = np.clip(1.0 + distance / np.float32(cell.radius), 0.0, 1.0)
    flatness = np.clip(habit.pallor + rng.normal(0.0, 0.25), 0.0, 1.2)
    hollow = 1.0 - flatness * np.float32(0.95) * np.exp(
        -np.square(np.square(relative / np.float32(rng.uniform(0.42, 0.7))))
    )
    biconcave = 0.5 * thickness(relative * np.float32(0.96)) + 0.5 * hollow
    rim = np.exp(-np.square((distance / np.float32(cell.radius) + 0.06) / 0.07))
    solid = hollow * np.float32(0.8) + biconcave * np.float32(0.2) + np.float32(0.12) * rim
    outline = np.float32(0.12) * hollow + np.float32(0.8) * rim
    return (
        inside
        * (solid * np.float32(1.0 - habit.ghost) + outline * np.float32(habit.ghost))
        * np.float32(rng.uniform(0.8, 1.15))
    )


def platelet_density(rng: np.random.Generator, plane: Plane, radius: float, keep_clear: Disc | None) -> Field:
    """Density (S, S) of a few granular platelets, about a third of a red cell's `radius`."""
    density = np.zeros((plane.size, plane.size), dtype=np.float32)
    still = (np.zeros_like(density), np.zeros_like(density))
    for _ in range(rng.poisson(1.0)):
        x, y = rng.uniform(0, plane.size, 2)
        own = radius * rng.uniform(0.2, 0.36)
        if keep_clear is not None and np.hypot(x - keep_clear.x, y - keep_clear.y) < keep_clear.radius + 1.3 * own:
            continue
        points = np.array([x, y]) + rng.normal(0.0, 0.35 * own, (4, 2))
        distance = chain(plane, points, np.full(4, 0.75 * own), still)
        grains = np.clip(0.7 + 0.45 * noise(rng, plane.size, 0.12 * radius), 0.1, 1.6)
        density += coverage(distance, 0.25 * own + 0.4) * grains
    return density


def slide(rng: np.random.Generator, size: int, stain: Stain) -> NDArray[np.float32]:
    """Light (S, S, 3) that an empty slide lets through, 0 to 255: uneven illumination, faint protein film."""
    uneven = 1.0 + 0.012 * noise(rng, size, 0.35 * size) + 0.004 * noise(rng, size, 0.03 * size)
    return stain.background[None, None, :] * uneven[:, :, None]
