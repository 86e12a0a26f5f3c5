"""Simulated smears: a white cell of a given class among red cells, or a field without any; and the optics, sensor and
lossy storage that make a stored picture of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.simulation.body import Anatomy, body_absorbance
from core.simulation.design import AS_DRAWN, CellDesign, design_of
from core.simulation.fields import Field, Plane, coverage, random_waves, wavy_disc
from core.simulation.morphology import nucleus_distance
from core.simulation.smear import Disc, platelet_density, red_cell_density, scatter_red_cells, slide
from core.simulation.stain import Stain, draw_stain

SMALLEST, LARGEST = 32, 1024
FIELD_STREAM = len(CLASSES)
WIDTH_LIMITS = (0.26, 0.60)


def photograph(rng: np.random.Generator, light: NDArray[np.float32], blur: float) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of `light` (H, W, 3) float32 in 0-255.

    Blur of standard deviation `blur` px, slight sharpening as cameras do, sensor noise, JPEG storage.
    """
    soft = cv2.GaussianBlur(light, (0, 0), max(blur, 0.3))
    if rng.random() < 0.5:
        wide = cv2.GaussianBlur(soft, (0, 0), 2.0 * max(blur, 0.5))
        soft = soft + np.float32(rng.uniform(0.2, 0.7)) * (soft - wide)
    grain = rng.standard_normal(light.shape[:2], dtype=np.float32)[:, :, None]
    colour_grain = rng.standard_normal(light.shape, dtype=np.float32)
    soft = soft + np.float32(rng.uniform(0.5, 2.0)) * grain + np.float32(rng.uniform(0.2, 1.0)) * colour_grain
    picture = np.clip(np.rint(soft), 0, 255).astype(np.uint8)
    return _store(picture, quality=int(rng.integers(82, 96)))


def _store(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    _, stored = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :, ::-1])


@dataclass(frozen=True)
class Habit:
    """Size and outline of a class's cells.

    `radius`: range in red-cell radii; `waviness`: amplitude of the outline's waves in cell radii; `waves`: how many;
    `decay`: how fast they fall off.
    """

    radius: tuple[float, float]
    waviness: float
    waves: int
    decay: float


HABITS: dict[str, Habit] = {
    "basophil": Habit((1.45, 1.80), 0.016, 22, 0.5),
    "eosinophil": Habit((1.55, 1.90), 0.022, 10, 1.0),
    "lymphocyte": Habit((1.08, 1.40), 0.019, 16, 0.65),
    "monocyte": Habit((1.85, 2.35), 0.060, 9, 0.8),
    "neutrophil": Habit((1.60, 1.95), 0.020, 6, 1.0),
}


@dataclass(frozen=True)
class SimulatedCell:
    """A drawn white cell and what it is made of.

    `image` (S, S, 3) uint8 RGB; `nucleus` and `cytoplasm` (S, S) bool, disjoint, together the whole cell, exact
    before the optical blur; `label` its class; `seed` what it was drawn from. `granules` (S, S) bool lie in the
    cytoplasm, or also on the nucleus; `blur` is the optical blur's standard deviation in px.
    """

    image: NDArray[np.uint8]
    nucleus: NDArray[np.bool_]
    cytoplasm: NDArray[np.bool_]
    label: str
    seed: int
    granules: NDArray[np.bool_]
    blur: float


class Chance:
    """The random numbers of a drawing, stage by stage: each stage may begin where it begins in the plain drawing."""

    def __init__(self, rng: np.random.Generator, states: dict[str, Any] | None = None) -> None:
        self._rng, self._given, self.states = rng, states, dict[str, Any]()

    def at(self, stage: str) -> np.random.Generator:
        """The generator of a stage."""
        if self._given is None:
            self.states[stage] = self._rng.bit_generator.state
            return self._rng
        again = np.random.default_rng(0)
        again.bit_generator.state = self._given[stage]
        return again


def draw(design: CellDesign, seed: int, size: int = 224) -> SimulatedCell:
    """Draw a cell by its design on a frame of `size` px a side; the same arguments give the same picture.

    What the design leaves as drawn stays as `draw_cell` draws it, whatever else is changed. Raises InputError on a
    negative seed or a size outside 32 to 1024.
    """
    if design.as_drawn:
        return draw_cell(design.label, seed, size)
    rng = _generator(CLASSES.index(design.label), seed, size)
    return _drawn(design, seed, size, Chance(rng, _states(design.label, seed, size)))


@lru_cache(maxsize=128)
def _states(label: str, seed: int, size: int) -> dict[str, Any]:
    """Where each stage of the plain drawing begins in its stream of random numbers."""
    chance = Chance(_generator(CLASSES.index(label), seed, size))
    _drawn(design_of(label), seed, size, chance)
    return chance.states


def draw_cell(label: str, seed: int, size: int = 224) -> SimulatedCell:
    """Draw a white cell of class `label` on a frame of `size` px a side; the same arguments give the same picture.

    Light through the smear falls off with the sum of the absorbances it meets (Beer-Lambert law).
    Raises InputError on an unknown class, a negative seed, or a size outside 32 to 1024.
    """
    if label not in CLASSES:
        raise InputError(f"'{label}' is not a class of white blood cell; choose one of {', '.join(CLASSES)}.")
    return _drawn(design_of(label), seed, size, Chance(_generator(CLASSES.index(label), seed, size)))


def _drawn(design: CellDesign, seed: int, size: int, chance: Chance) -> SimulatedCell:
    stain, plane = _chosen_stain(chance.at("stain"), size, design), Plane.of(size)
    behind = stain if design.background == AS_DRAWN else _slide_of(stain, design.background, size)
    body, red_radius = _place(chance.at("place"), size, stain.red_cell_radius, HABITS[design.label])
    if design.cell_size != 1:
        body = Disc(body.x, body.y, body.radius * design.cell_size)
    anatomy = draw_anatomy(chance, plane, design, body)
    around = _surroundings(chance.at("surroundings"), plane, behind, red_radius, body, design.red_cells)
    clear = 1.0 - coverage(anatomy.cell, 0.03 * body.radius + 0.3)[:, :, None]
    within, granules = body_absorbance(chance.at("body"), stain, design, anatomy)
    absorbance = around * clear + within
    light = slide(chance.at("slide"), size, behind) * np.exp(-absorbance)
    light, blur = light * np.float32(design.light), stain.blur * design.blur
    image = photograph(chance.at("photograph"), light, blur)
    nucleus = anatomy.nucleus < 0
    return SimulatedCell(image, nucleus, (anatomy.cell < 0) & ~nucleus, design.label, seed, granules, max(blur, 0.3))


def _chosen_stain(rng: np.random.Generator, size: int, design: CellDesign) -> Stain:
    """The stain of a design; optics and magnification stay those of the slide that was drawn."""
    if design.stain == AS_DRAWN and design.stain_strength == 1:
        return draw_stain(rng, size)
    state = rng.bit_generator.state
    own = draw_stain(rng, size)
    rng.bit_generator.state = state
    found = draw_stain(rng, size, design.stain)
    stronger = {name: dye * np.float32(design.stain_strength) for name, dye in found.absorbances.items()}
    return replace(found, absorbances=stronger, blur=own.blur, red_cell_radius=own.red_cell_radius)


def _slide_of(stain: Stain, name: str, size: int) -> Stain:
    """The stain with the empty slide, the red cells and the platelets of another."""
    other = draw_stain(np.random.default_rng(0), size, name)
    around = {kind: other.of(kind) for kind in ("red_cell", "platelet")}
    return replace(stain, background=other.background, absorbances={**stain.absorbances, **around}, ghost=other.ghost)


def draw_field(seed: int, size: int = 224) -> NDArray[np.uint8]:
    """Draw a field (S, S, 3) uint8 RGB of red cells and platelets without any white cell; deterministic.

    Raises InputError on a negative seed or a size outside 32 to 1024.
    """
    rng = _generator(FIELD_STREAM, seed, size)
    stain, plane = draw_stain(rng, size), Plane.of(size)
    absorbance = _surroundings(rng, plane, stain, stain.red_cell_radius, None)
    return photograph(rng, slide(rng, size, stain) * np.exp(-absorbance), stain.blur)


def _generator(stream: int, seed: int, size: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number from 0 up.")
    if not SMALLEST <= size <= LARGEST:
        raise InputError(f"The size is {size} px; give one from {SMALLEST} to {LARGEST} px.")
    return np.random.default_rng([stream, seed])


def _place(rng: np.random.Generator, size: int, red_radius: float, habit: Habit) -> tuple[Disc, float]:
    """The cell's disc near the middle of the frame, and the red cells' radius at the magnification it asks for."""
    relative = rng.uniform(*habit.radius)
    wanted = relative * red_radius
    radius = float(np.clip(wanted, 0.5 * WIDTH_LIMITS[0] * size, 0.5 * WIDTH_LIMITS[1] * size))
    spread = min(0.035 * size, max(0.0, 0.47 * size - 1.3 * radius))
    x, y = size / 2.0 + np.clip(rng.normal(0.0, 1.0, 2), -2.0, 2.0) * spread
    return Disc(float(x), float(y), radius), red_radius * radius / wanted


def draw_anatomy(chance: Chance, plane: Plane, design: CellDesign, body: Disc) -> Anatomy:
    """Outline and nucleus of a cell about the disc `body` of a plane."""
    rng, habit = chance.at("outline"), HABITS[design.label]
    waviness = habit.waviness * float(np.exp(rng.normal(0.0, 0.35)))
    waves = random_waves(rng, waviness, habit.waves, habit.decay)
    squeeze = float(np.exp(abs(rng.normal(0.0, 0.045))))
    cell: Field = wavy_disc(plane, (body.x, body.y), body.radius, waves, squeeze)
    shape = nucleus_distance(chance.at("nucleus"), plane, design, body)
    nucleus = np.maximum(shape, cell + np.float32(0.035 * body.radius))
    return Anatomy(plane, cell, nucleus, body.radius)


def _surroundings(
    rng: np.random.Generator,
    plane: Plane,
    stain: Stain,
    red_radius: float,
    keep_clear: Disc | None,
    number: float = 1.0,
) -> NDArray[np.float32]:
    if number == 0:
        return np.zeros((plane.size, plane.size, 3), dtype=np.float32)
    cells = scatter_red_cells(rng, plane.size, red_radius, keep_clear, number)
    red = red_cell_density(rng, plane, cells, stain.ghost)
    platelets = platelet_density(rng, plane, red_radius, keep_clear)
    return red[:, :, None] * stain.of("red_cell") + platelets[:, :, None] * stain.of("platelet")
