"""Stains of a blood smear as absorbances, so that layers multiply their light (Beer-Lambert law)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Absorbance = NDArray[np.float32]


@dataclass(frozen=True)
class Palette:
    """One laboratory's stain and camera: the colours (8-bit RGB) that each substance gives on a white background.

    `background` is the colour of the empty slide, `ghost` how far red cells fade to bare outlines (0 to 1),
    `blur` the range of the optical blur's standard deviation in thousandths of the frame's side,
    `magnification` the range of the red cells' radius as a part of the frame's side.
    """

    name: str
    share: float
    background: Colour
    chromatin: Colour
    chromatin_light: Colour
    acid: Colour
    basic: Colour
    eosin: Colour
    azure: Colour
    violet: Colour
    red_cell: Colour
    platelet: Colour
    ghost: tuple[float, float]
    blur: tuple[float, float]
    magnification: tuple[float, float]


PALETTES: tuple[Palette, ...] = (
    Palette(
        name="cream",
        share=0.44,
        background=(254, 231, 203),
        chromatin=(70, 30, 150),
        chromatin_light=(150, 98, 204),
        acid=(224, 200, 224),
        basic=(166, 164, 232),
        eosin=(203, 132, 162),
        azure=(176, 112, 194),
        violet=(72, 28, 146),
        red_cell=(201, 186, 206),
        platelet=(150, 105, 195),
        ghost=(0.0, 0.25),
        blur=(1.4, 3.0),
        magnification=(0.102, 0.130),
    ),
    Palette(
        name="lilac",
        share=0.12,
        background=(232, 230, 246),
        chromatin=(74, 36, 146),
        chromatin_light=(120, 72, 190),
        acid=(222, 205, 232),
        basic=(162, 168, 232),
        eosin=(218, 140, 152),
        azure=(168, 118, 190),
        violet=(86, 44, 146),
        red_cell=(208, 196, 206),
        platelet=(160, 120, 200),
        ghost=(0.0, 0.2),
        blur=(2.2, 4.4),
        magnification=(0.098, 0.125),
    ),
    Palette(
        name="white-violet",
        share=0.20,
        background=(250, 249, 252),
        chromatin=(104, 42, 138),
        chromatin_light=(178, 100, 196),
        acid=(228, 208, 236),
        basic=(196, 204, 240),
        eosin=(232, 138, 128),
        azure=(178, 122, 182),
        violet=(86, 28, 104),
        red_cell=(176, 180, 216),
        platelet=(165, 110, 185),
        ghost=(0.0, 0.3),
        blur=(2.2, 4.6),
        magnification=(0.10, 0.135),
    ),
    Palette(
        name="grey",
        share=0.12,
        background=(208, 204, 198),
        chromatin=(128, 92, 226),
        chromatin_light=(184, 150, 240),
        acid=(228, 210, 232),
        basic=(186, 196, 238),
        eosin=(240, 152, 140),
        azure=(196, 156, 214),
        violet=(110, 66, 190),
        red_cell=(220, 176, 166),
        platelet=(170, 140, 225),
        ghost=(0.0, 0.3),
        blur=(2.8, 5.5),
        magnification=(0.10, 0.14),
    ),
    Palette(
        name="yellow",
        share=0.07,
        background=(253, 245, 138),
        chromatin=(92, 22, 92),
        chromatin_light=(170, 62, 124),
        acid=(218, 180, 205),
        basic=(178, 170, 222),
        eosin=(232, 132, 110),
        azure=(170, 112, 150),
        violet=(76, 24, 84),
        red_cell=(232, 218, 226),
        platelet=(170, 110, 150),
        ghost=(0.75, 1.0),
        blur=(5.0, 8.0),
        magnification=(0.13, 0.17),
    ),
    Palette(
        name="white-rose",
        share=0.05,
        background=(253, 252, 253),
        chromatin=(70, 22, 88),
        chromatin_light=(140, 58, 120),
        acid=(228, 188, 202),
        basic=(178, 176, 222),
        eosin=(236, 140, 130),
        azure=(186, 110, 150),
        violet=(70, 26, 92),
        red_cell=(240, 206, 220),
        platelet=(180, 110, 160),
        ghost=(0.7, 1.0),
        blur=(5.0, 8.0),
        magnification=(0.13, 0.17),
    ),
)
SUBSTANCES = ("chromatin", "chromatin_light", "acid", "basic", "eosin", "azure", "violet", "red_cell", "platelet")


@dataclass(frozen=True)
class Stain:
    """One slide's stain: absorbances (3,) float32 (natural logarithm, per RGB channel) at density 1.

    `background` (3,) float32 in 0-255; `ghost` 0 to 1; `blur` in pixels; `red_cell_radius` in pixels.
    """

    palette: str
    background: NDArray[np.float32]
    absorbances: dict[str, Absorbance]
    ghost: float
    blur: float
    red_cell_radius: float

    def of(self, substance: str) -> Absorbance:
        """The absorbance (3,) of one of `SUBSTANCES`."""
        return self.absorbances[substance]


def draw_stain(rng: np.random.Generator, size: int, name: str = "") -> Stain:
    """A slide's stain: one of the `PALETTES`, each substance's strength and hue varied, for a frame of `size` px.

    `name` asks for one palette; chance is then as it is for any other.
    """
    shares = np.array([palette.share for palette in PALETTES])
    palette = PALETTES[int(rng.choice(len(PALETTES), p=shares / shares.sum()))]
    palette = next((one for one in PALETTES if one.name == name), palette)
    strength = np.exp(rng.normal(0.0, 0.10))
    hue = np.exp(rng.normal(0.0, 0.05, 3))
    absorbances = {}
    for substance in SUBSTANCES:
        pure = -np.log(np.array(getattr(palette, substance)) / 255.0)
        own = np.exp(rng.normal(0.0, 0.08)) * np.exp(rng.normal(0.0, 0.03, 3))
        absorbances[substance] = (pure * strength * hue * own).astype(np.float32)
    background = np.array(palette.background) * np.exp(rng.normal(0.0, 0.015) + rng.normal(0.0, 0.012, 3))
    return Stain(
        palette=palette.name,
        background=np.minimum(background, 255.0).astype(np.float32),
        absorbances=absorbances,
        ghost=float(rng.uniform(*palette.ghost)),
        blur=float(rng.uniform(*palette.blur)) * size / 1000.0,
        red_cell_radius=float(rng.uniform(*palette.magnification)) * size,
    )
