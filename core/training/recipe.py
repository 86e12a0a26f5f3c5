"""A training recipe: everything that decides what a run does, read from a TOML file and validated."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError

RECIPES = Path(__file__).parent / "recipes"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataRecipe(_Strict):
    """What to train on: `simulated` cells drawn by our own code join the training images."""

    framing: Literal["cell", "frame"] = "cell"
    simulated: int = Field(default=0, ge=0, le=20_000)
    simulated_seed: int = Field(default=1_000_000, ge=1_000_000)


class AugmentRecipe(_Strict):
    """Strength of each random change made to a training image; 0 switches it off."""

    rotate: bool = True
    zoom: float = Field(default=1.35, ge=1.0, le=4.0, description="largest factor by which a view is scaled")
    shift: float = Field(default=0.08, ge=0, le=0.5, description="largest shift, as a share of the side")
    stain: float = Field(default=0.15, ge=0, le=1, description="deviation of the mixing of optical densities")
    strength: float = Field(default=0.25, ge=0, le=1, description="deviation of the log of stain strength")
    hue: float = Field(default=0.0, ge=0, le=1, description="largest turn of hue, as a share of a half turn")
    saturation: float = Field(default=0.0, ge=0, le=1, description="largest relative change of saturation")
    grey: float = Field(default=0.05, ge=0, le=1, description="share of images turned grey")
    blur: float = Field(default=0.2, ge=0, le=1, description="share of images blurred")
    noise: float = Field(default=0.2, ge=0, le=1, description="share of images with noise")
    mask: float = Field(
        default=0.15, ge=0, le=1, description="share of images masked outside the cell, as Fig. 3 of Islam"
    )


class StageRecipe(_Strict):
    """One stretch of training at one input size; `samples` is how many images an epoch draws.

    `augment` replaces the recipe's for this stage.
    """

    size: int = Field(ge=32, le=512)
    epochs: int = Field(ge=1, le=1000)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(gt=0, le=1)
    samples: int | None = Field(default=None, ge=1)
    final_rate: float = Field(default=0.01, ge=0, le=1, description="learning rate at the end, as a share of the first")
    augment: AugmentRecipe | None = None


class Recipe(_Strict):
    """A whole run. `architecture` may be overridden on the command line."""

    name: str
    architecture: str
    weights: Literal["none", "imagenet"] = "none"
    batch_norm: bool = Field(default=False, description="VGG-19: train with batch normalisation and fold it afterwards")
    optimiser: Literal["adam", "adamw", "nadam"] = "adamw"
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    label_smoothing: float = Field(default=0.05, ge=0, le=0.5)
    balance: float = Field(default=0.5, ge=0, le=1, description="0 draws classes as they are, 1 equally often")
    average: float = Field(default=0.99, ge=0, lt=1, description="decay of the moving average of weights; 0 is none")
    patience: int = Field(default=5, ge=1, description="epochs without a better validation accuracy before stopping")
    bf16: bool = Field(default=False, description="compute in bf16 where processor or GPU has it")
    seed: int = Field(default=0, ge=0)
    data: DataRecipe = DataRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    stages: tuple[StageRecipe, ...] = Field(min_length=1)

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def stage_at(self, epoch: int) -> tuple[StageRecipe, int]:
        """The stage that `epoch` (from 0) falls into and its number within that stage."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage, epoch
            epoch -= stage.epochs
        return self.stages[-1], self.stages[-1].epochs - 1


def read_recipe(name_or_path: str, architecture: str | None = None) -> Recipe:
    """Read a shipped recipe by name or one of your own by path; InputError says which key is wrong.

    Tables `[for.NAME]` in the file hold what differs for the architecture NAME; `architecture` overrides the file's.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        raise InputError(f"No recipe {name_or_path!r}. Shipped: {shipped}; or give the path of a .toml file.")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not valid TOML: {error}.") from error
    return checked_recipe(_for_architecture(document, architecture), path.name)


def checked_recipe(document: Any, source: str) -> Recipe:
    """Validate a recipe's document; InputError names the first keys of `source` that are wrong."""
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{source}: {_first_problems(error)}") from error


def _for_architecture(document: dict[str, Any], architecture: str | None) -> dict[str, Any]:
    """Lay the table `[for.NAME]` over the rest; sub-tables are merged key by key."""
    special = document.pop("for", {})
    if architecture is not None:
        document["architecture"] = architecture
    tables = special.values() if isinstance(special, dict) else [None]
    if not all(isinstance(table, dict) for table in tables):
        raise InputError("[for.NAME] in the recipe must be a table of keys for the architecture NAME.")
    for key, value in special.get(str(document.get("architecture")), {}).items():
        shared = document.get(key)
        document[key] = shared | value if isinstance(value, dict) and isinstance(shared, dict) else value
    return document


def _first_problems(error: ValidationError) -> str:
    lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].lower()}" for item in error.errors()[:5]]
    return "; ".join(lines) + "."
