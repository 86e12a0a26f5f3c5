"""Simulated photographs of a smear with several white cells, some of them touching, whose places and outlines are known
exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.simulation.body import body_absorbance
from core.simulation.cell import HABITS, Chance, draw_anatomy, photograph
from core.simulation.design import design_of
from core.simulation.fields import Field, Plane, chain, coverage, noise
from core.simulation.smear import Disc, red_cell_density, slide
from core.simulation.stain import Stain, draw_stain

SMEAR_STREAM = len(CLASSES) + 1
SMALLEST_SIDE, LARGEST_SIDE = 64, 8192
RED_RADII = (13.0, 48.0)  # px of a red cell's radius where none is asked for: what cameras on microscopes give
PER_FRAME = 0.115  # a red cell's radius in sides of the frame of one cell, from which stain and optics take their scale
APART = 1.2  # least distance of two cells that do not touch, in sums of their radii
NESTLED = (0.86, 0.98)  # and of two that do
TRIES = 400  # to find a place for a cell
FREQUENCIES = {"neutrophil": 0.60, "lymphocyte": 0.27, "monocyte": 0.07, "eosinophil": 0.04, "basophil": 0.02}
"""About what healthy blood holds."""


@dataclass(frozen=True)
class SmearCell:
    """A drawn cell: its class, the box (left, top, right, bottom) of its outline before the optical blur in px, right
    and bottom excluded, and whether it was laid against another."""

    label: str
    box: tuple[int, int, int, int]
    touching: bool


@dataclass(frozen=True)
class SimulatedSmear:
    """A drawn photograph `image` `(H, W, 3) uint8` and its white `cells`; `owner` `(H, W) uint16` tells each pixel's
    cell, from 1 in the order of `cells`, 0 where there is none. `red_radius` is that of the red cells in px."""

    image: NDArray[np.uint8]
    cells: tuple[SmearCell, ...]
    owner: NDArray[np.uint16]
    red_radius: float
    stain: str


@dataclass(frozen=True)
class SmearPlan:
    """What a simulated photograph holds.

    `labels` are the classes of its cells; of these the last `2 * pairs` touch two by two. `red_radius` in px and
    `stain` (a palette's name) are drawn where they are not given; `crowding` is the share of the slide that red cells
    cover, at most, and `cut_off` the share of cells that the border may cut.
    """

    height: int
    width: int
    labels: tuple[str, ...]
    pairs: int = 0
    red_radius: float = 0.0
    stain: str = ""
    crowding: float = 0.0
    cut_off: float = 0.0


def usual_labels(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Classes of `count` cells, drawn as often as healthy blood holds them."""
    return tuple(str(name) for name in rng.choice(list(FREQUENCIES), size=count, p=list(FREQUENCIES.values())))


def draw_smear(plan: SmearPlan, seed: int) -> SimulatedSmear:
    """Draw a photograph; the same plan and seed give the same one.

    A cell for which no place is left is left out: `cells` tells what was drawn. Raises InputError on a negative seed, a
    side outside 64 to 8,192 px, an unknown class, or more pairs than there are cells for.
    """
    _check(plan, seed)
    rng = np.random.default_rng([SMEAR_STREAM, seed])
    red_radius = plan.red_radius or float(np.exp(rng.uniform(*np.log(RED_RADII))))
    stain = replace(draw_stain(rng, round(red_radius / PER_FRAME), plan.stain), red_cell_radius=red_radius)
    bodies = _places(rng, plan, red_radius)
    plane = Plane.of(max(plan.height, plan.width))
    crowding = plan.crowding or float(rng.uniform(0.15, 0.6))
    reds = _scatter(rng, plan, red_radius, crowding, [body for _, body, _ in bodies])
    absorbance = red_cell_density(rng, plane, reds, stain.ghost)[:, :, None] * stain.of("red_cell")
    _add_platelets(rng, absorbance, stain, [body for _, body, _ in bodies])
    owner = np.zeros((plane.size, plane.size), dtype=np.uint16)
    for number, (label, body, _) in enumerate(bodies, start=1):
        _add_cell(rng, absorbance, owner, stain, label, body, number)
    light = slide(rng, plane.size, stain) * np.exp(-absorbance)
    image = photograph(rng, light[: plan.height, : plan.width], stain.blur)
    return _told(image, owner[: plan.height, : plan.width], bodies, red_radius, stain.palette)


def _check(plan: SmearPlan, seed: int) -> None:
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number from 0 up.")
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (plan.height, plan.width)):
        raise InputError(f"A simulated photograph has sides of {SMALLEST_SIDE} to {LARGEST_SIDE:,} px.")
    unknown = sorted(set(plan.labels) - set(CLASSES))
    if unknown:
        raise InputError(f"'{unknown[0]}' is not a class of white blood cell; choose one of {', '.join(CLASSES)}.")
    if 2 * plan.pairs > len(plan.labels):
        raise InputError(f"{plan.pairs} pairs need {2 * plan.pairs} cells, not {len(plan.labels)}.")


def _places(rng: np.random.Generator, plan: SmearPlan, red_radius: float) -> list[tuple[str, Disc, bool]]:
    """Class, disc and whether it touches, of every cell that found a place."""
    placed: list[tuple[str, Disc, bool]] = []
    first: Disc | None = None  # of a pair, once it has its place
    radii = [float(rng.uniform(*HABITS[label].radius)) * red_radius for label in plan.labels]
    alone = len(plan.labels) - 2 * plan.pairs
    for index, (label, radius) in enumerate(zip(plan.labels, radii, strict=True)):
        paired = index >= alone
        second = paired and (index - alone) % 2 == 1
        if second and first is None:
            continue  # its partner found no place
        room = 2.2 * radii[index + 1] if paired and not second else 0.0  # for the partner
        found = _one_place(rng, plan, radius, room, [body for _, body, _ in placed], first if second else None)
        if found is not None:
            placed.append((label, found, paired))
        elif second:
            placed.pop()
        first = found if paired and not second else None
    return placed


def _one_place(
    rng: np.random.Generator, plan: SmearPlan, radius: float, room: float, others: Sequence[Disc], partner: Disc | None
) -> Disc | None:
    """A disc of `radius` inside the frame and away from the others; against `partner` where there is one."""
    margin = 1.15 * radius if rng.random() >= plan.cut_off else -0.3 * radius
    for _ in range(TRIES):
        if partner is None:
            x, y = rng.uniform(0, plan.width), rng.uniform(0, plan.height)
        else:
            away, turn = rng.uniform(*NESTLED) * (radius + partner.radius), rng.uniform(0, 2 * np.pi)
            x, y = partner.x + away * np.cos(turn), partner.y + away * np.sin(turn)
        inside = margin + room <= x <= plan.width - margin - room and margin + room <= y <= plan.height - margin - room
        clear = all(
            other is partner or np.hypot(x - other.x, y - other.y) > APART * (radius + other.radius) + room
            for other in others
        )
        if inside and clear:
            return Disc(float(x), float(y), radius)
    return None


def _scatter(
    rng: np.random.Generator, plan: SmearPlan, radius: float, crowding: float, bodies: Sequence[Disc]
) -> list[Disc]:
    """Places for red cells, as `scatter_red_cells` has them, hardly over any of the white ones."""
    wanted = int(crowding * plan.height * plan.width / (np.pi * radius**2))
    spacing, margin = rng.uniform(1.2, 2.0), 1.2 * radius
    placed = np.zeros((wanted, 2))
    white = np.array([(body.x, body.y, body.radius) for body in bodies]).reshape(-1, 3)
    count = 0
    for _ in range(3 * wanted):
        x, y = rng.uniform(-margin, plan.width + margin), rng.uniform(-margin, plan.height + margin)
        gap = (spacing if rng.random() < 0.8 else 0.9) * radius
        free = (np.hypot(white[:, 0] - x, white[:, 1] - y) > white[:, 2] + 0.85 * radius).all()
        if free and (np.hypot(placed[:count, 0] - x, placed[:count, 1] - y) > gap).all():
            placed[count] = x, y
            count += 1
        if count >= wanted:
            break
    sizes = radius * np.exp(rng.normal(0.0, 0.06, count))
    return [Disc(float(x), float(y), float(own)) for (x, y), own in zip(placed[:count], sizes, strict=True)]


def _add_platelets(
    rng: np.random.Generator, absorbance: NDArray[np.float32], stain: Stain, bodies: Sequence[Disc]
) -> None:
    """Lay platelets on `absorbance` `(S, S, 3)`, about one on the area that a cell's own frame has."""
    size, red_radius = absorbance.shape[0], stain.red_cell_radius
    for _ in range(rng.poisson((size * PER_FRAME / red_radius) ** 2)):
        x, y = rng.uniform(0, size, 2)
        own = red_radius * rng.uniform(0.2, 0.36)
        rows, columns, plane = _patch(x, y, 3.0 * own, size)
        middle = np.array([x - columns.start, y - rows.start])
        points = middle + rng.normal(0.0, 0.35 * own, (4, 2))
        still = (np.zeros((plane.size, plane.size), dtype=np.float32),) * 2
        distance = chain(plane, points, np.full(4, 0.75 * own), still)
        grains = np.clip(0.7 + 0.45 * noise(rng, plane.size, 0.12 * red_radius), 0.1, 1.6)
        if any(np.hypot(x - body.x, y - body.y) < body.radius + 1.3 * own for body in bodies):
            continue
        _paste(
            absorbance,
            rows,
            columns,
            (coverage(distance, 0.25 * own + 0.4) * grains)[:, :, None] * stain.of("platelet"),
        )


def _add_cell(
    rng: np.random.Generator,
    absorbance: NDArray[np.float32],
    owner: NDArray[np.uint16],
    stain: Stain,
    label: str,
    body: Disc,
    number: int,
) -> None:
    """Lay a white cell over what lies there, in place."""
    rows, columns, plane = _patch(body.x, body.y, 1.6 * body.radius, absorbance.shape[0])
    own = Disc(body.x - columns.start, body.y - rows.start, body.radius)
    design = design_of(label)
    anatomy = draw_anatomy(Chance(rng), plane, design, own)
    within, _ = body_absorbance(rng, stain, design, anatomy)
    clear = 1.0 - coverage(anatomy.cell, 0.03 * body.radius + 0.3)[:, :, None]
    _paste(absorbance, rows, columns, within, clear)
    seen, cut = _inside(absorbance.shape[0], rows, columns)
    owner[seen][(anatomy.cell < 0)[cut]] = number


def _patch(x: float, y: float, reach: float, size: int) -> tuple[slice, slice, Plane]:
    """Rows and columns around a point, which may leave the frame, and the plane of that patch."""
    side = int(2 * np.ceil(reach) + 1)
    top, left = int(y) - side // 2, int(x) - side // 2
    return slice(top, top + side), slice(left, left + side), Plane.of(side)


def _inside(size: int, rows: slice, columns: slice) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a patch that lies in the frame, in the frame's places and in the patch's."""
    seen = tuple(slice(min(size, max(0, part.start)), max(0, min(size, part.stop))) for part in (rows, columns))
    cut = tuple(
        slice(now.start - part.start, max(now.start, now.stop) - part.start)
        for now, part in zip(seen, (rows, columns), strict=True)
    )
    return (seen[0], seen[1]), (cut[0], cut[1])


def _paste(canvas: NDArray[np.float32], rows: slice, columns: slice, patch: Field, clear: Field | float = 1.0) -> None:
    """Add `patch` `(p, p, 3)` to what shows through `clear` of the canvas, where both lie."""
    seen, cut = _inside(canvas.shape[0], rows, columns)
    through = clear[cut] if isinstance(clear, np.ndarray) else clear
    canvas[seen] = canvas[seen] * through + patch[cut]


def _told(
    image: NDArray[np.uint8],
    owner: NDArray[np.uint16],
    bodies: Sequence[tuple[str, Disc, bool]],
    red: float,
    stain: str,
) -> SimulatedSmear:
    cells, renumbered = [], np.zeros(len(bodies) + 1, dtype=np.uint16)
    for number, (label, body, touching) in enumerate(bodies, start=1):
        reach = 1.7 * body.radius
        top, left = max(0, int(body.y - reach)), max(0, int(body.x - reach))
        rows, columns = np.nonzero(owner[top : int(body.y + reach) + 1, left : int(body.x + reach) + 1] == number)
        if len(rows):
            x, y = left + columns, top + rows
            cells.append(SmearCell(label, (int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1), touching))
            renumbered[number] = len(cells)
    return SimulatedSmear(image, tuple(cells), renumbered[owner], red, stain)
