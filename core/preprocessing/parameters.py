"""Everything that can be tuned in the cell pipeline, validated, and saved to and read from JSON; and the presets,
bounds that were measured for a stain, each with what on and how often it finds a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from core.errors import InputError
from core.settings import Colour, Settings, faults, number_field

MAXIMUM_BYTES = 16_384  # of a saved parameter file


class CellParameters(Settings):
    """Parameters of the pipeline that cuts a cell out of a smear; the defaults are those of Islam et al. 2024 on BCCD.

    Colours are (red, green, blue), 0 to 255. Lengths are pixels of the picture the pipeline works on: the one given,
    or its copy reduced to 1,280 px where it is longer than that. Every field carries its title, limits and a sentence
    of explanation, from which a page builds its controls.
    """

    lower: Colour = Field(
        default=(80, 80, 180), title="Lower bound", description="Darkest red, green and blue that count as stained."
    )
    upper: Colour = Field(
        default=(180, 170, 245), title="Upper bound", description="Brightest red, green and blue that count as stained."
    )
    padding: int = number_field(
        10, 0, 100, "Padding, px", "Width of the border laid around the picture, so that no contour ends at its edge."
    )
    padding_colour: Colour = Field(
        default=(205, 205, 205),
        title="Padding colour",
        description="Constant colour of the padding; keep it outside the bounds.",
    )
    smoothing: float = number_field(
        0.0,
        0,
        10,
        "Smoothing, px",
        "Standard deviation of a Gaussian blur before the threshold, against grain; 0: none.",
    )
    erode_size: int = number_field(
        3, 1, 31, "Erosion kernel, px", "Diameter of the disc that shrinks the mask: specks thinner than it vanish."
    )
    erode_iterations: int = number_field(2, 0, 10, "Erosions", "How many times the mask is shrunk.")
    dilate_size: int = number_field(
        3, 1, 31, "Dilation kernel, px", "Diameter of the disc that grows the mask back after the erosion."
    )
    dilate_iterations: int = number_field(3, 0, 10, "Dilations", "How many times the mask is grown.")
    join_distance: int = number_field(
        12,
        0,
        100,
        "Join lobes within, px",
        "Pieces nearer to one another than this are one cell: lobes of one nucleus.",
    )
    region_x: float = number_field(
        50.0, 0, 100, "Search centre x, %", "Centre of the circle in which a cell is sought, in % of the width."
    )
    region_y: float = number_field(
        50.0, 0, 100, "Search centre y, %", "Centre of the circle in which a cell is sought, in % of the height."
    )
    region_radius: float = number_field(
        0.0, 0, 200, "Search radius, %", "Radius of that circle in % of the shorter side; 0 seeks in the whole frame."
    )
    minimum_area: float = number_field(
        0.8,
        0,
        100,
        "Smallest area, %",
        "A smaller find is a fleck or a platelet: in % of a 640x480 frame; in another frame this area in pixels "
        "changes with the square root of the frame's, since a smaller frame mostly shows a cell from nearer.",
    )
    maximum_area: float = number_field(
        80.0, 0, 100, "Largest area, %", "A find larger than this share of the frame is the background, not a cell."
    )
    minimum_solidity: float = number_field(
        0.4, 0, 1, "Least solidity", "Area over that of the convex hull; threads and rims of red cells have little."
    )
    minimum_absorption: float = number_field(
        0.29,
        0,
        1,
        "Least absorption",
        "Share of green light a find must take up, against the frame's bright background.",
    )
    choice: Literal["largest", "central"] = Field(
        default="largest",
        title="Among several",
        description="Which find is the cell: the largest, or the one nearest the centre.",
    )
    output_size: int = number_field(120, 16, 1024, "Output, px", "Side of the square the cropped cell is resized to.")
    mode: str = Field(
        default="manual",
        pattern=r"^[a-z0-9_-]{1,32}$",
        title="Mode",
        description="Where the parameters come from: manual, automatic, or a preset's name.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, low, high in zip(("red", "green", "blue"), self.lower, self.upper, strict=True):
            if low > high:
                raise ValueError(f"the lower bound of {name} ({low}) is above the upper bound ({high})")
        if self.minimum_area > self.maximum_area:
            raise ValueError("the smallest area is above the largest")
        return self

    @classmethod
    def of(cls, /, **values: Any) -> Self:
        """Build parameters from named fields; raises `InputError` that names each field that is wrong and why."""
        try:
            return super().of(**values)
        except InputError as error:
            raise InputError(f"These preprocessing parameters cannot be used: {error}") from None

    def revised(self, /, **changes: Any) -> Self:
        """Return a checked copy with `changes`, its mode "manual" unless they say otherwise; raises `InputError`."""
        return super().revised(**{"mode": "manual", **changes})

    def to_json(self) -> str:
        """Return the parameters as indented JSON, which `from_json` reads back to equal parameters."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; missing fields take their defaults. Raises `InputError` on anything invalid."""
        if len(text) > MAXIMUM_BYTES:
            raise InputError(
                f"This parameter file is too large ({len(text):,} bytes; at most {MAXIMUM_BYTES:,}). "
                "Choose a file that was saved from the Preprocess page."
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InputError(
                f"This parameter file cannot be used: {faults(error, cls)}. "
                "Choose a file that was saved from the Preprocess page, or correct it."
            ) from None


@dataclass(frozen=True)
class Preset:
    """Named parameters of the pipeline: `title` for a menu, `description` says how they were measured."""

    name: str
    title: str
    description: str
    parameters: CellParameters


_ALL = (
    Preset(
        "bccd",
        "BCCD and Kaggle: the paper's bounds",
        "The bounds of Islam et al. 2024, in RGB order; they hold the nucleus. The paper gives no kernels: erosion, "
        "dilation and what counts as a cell were chosen on BCCD's photographs: the cell found lies in an annotated "
        "box in 99 % of 358, and one is found in 2 % of crops that hold none.",
        CellParameters(mode="bccd"),
    ),
    Preset(
        "pbc",
        "PBC (Barcelona)",
        "Bounds that hold the nucleus, fitted to nuclei found by optical density on 250 images of the training split; "
        "on 500 of them a cell was found in every one, and the mask held the nucleus in 99.6 %.",
        CellParameters(
            lower=(0, 0, 0),
            upper=(182, 108, 255),
            erode_iterations=1,
            dilate_iterations=1,
            join_distance=4,
            choice="central",
            mode="pbc",
        ),
    ),
    Preset(
        "lisc",
        "LISC",
        "Bounds that hold the nucleus, fitted to nuclei found by optical density on the 125 images of the development "
        "half; a cell was found in 98 % of these, and the mask held the nucleus in 97 % of those with one to compare.",
        CellParameters(lower=(0, 0, 91), upper=(255, 141, 255), join_distance=8, choice="central", mode="lisc"),
    ),
    Preset(
        "jtsc",
        "JTSC (yellow or white field, no red cells)",
        "Bounds that hold the whole cell, nucleus and cytoplasm, fitted to masks of the 149 images of the development "
        "half; a cell was found in every one, median IoU with the mask 0.96.",
        CellParameters(
            lower=(0, 0, 0),
            upper=(255, 188, 255),
            erode_iterations=1,
            dilate_iterations=1,
            join_distance=4,
            choice="central",
            minimum_absorption=0.15,
            mode="jtsc",
        ),
    ),
)


def _by_name(presets: tuple[Preset, ...]) -> dict[str, Preset]:
    names = [preset.name for preset in presets]
    if len(set(names)) < len(names):
        raise ValueError(f"a preset is registered twice: {names}")
    return {preset.name: preset for preset in presets}


PRESETS: dict[str, Preset] = _by_name(_ALL)


def preset_parameters(name: str) -> CellParameters:
    """Return the parameters of the preset `name`; raises `InputError` for a name that is none."""
    if name not in PRESETS:
        raise InputError(f"No preset {name!r}. Known: {', '.join(PRESETS)}.")
    return PRESETS[name].parameters
