"""Bounds for stains that were measured; each says on what and how often it finds a cell."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from core.preprocessing.parameters import CellParameters


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
