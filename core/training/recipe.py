"""A training recipe: everything that decides what a run does. The types come first, then reading TOML files with what
the command line lays over them, then writing. Each key is explained in the shipped recipes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from core.data.known_sets import KNOWN
from core.data.split import SplitRecipe
from core.errors import InputError
from core.models.registry import architecture
from core.settings import Settings, faults


class _Table(Settings):
    """A table of a recipe. TOML's lists stand for tuples and whole numbers for others, so that it is not strict."""

    model_config = ConfigDict(strict=False)


class DataRecipe(_Table):
    """What to train on: `simulated` cells drawn by our own code and the known sets `also` join the training images."""

    framing: Literal["cell", "frame", "islam"] = "cell"
    also: tuple[str, ...] = ()
    also_times: int = Field(default=1, ge=1, le=100, description="how many times each image of `also` is taken")
    draw: Literal["size", "root", "equal"] = Field(
        default="size",
        description="how often a laboratory's cells are drawn: by their number, by its square root, or as often as "
        "every other's",
    )
    leave_out: str = Field(default="", description="a known set that takes no part, so that it can judge the model")
    simulated: int = Field(default=0, ge=0, le=20_000)
    simulated_seed: int = Field(default=1_000_000, ge=1_000_000)

    @field_validator("also")
    @classmethod
    def _known(cls, also: tuple[str, ...]) -> tuple[str, ...]:
        for name in also:
            if name not in KNOWN:
                raise ValueError(f"{name!r} is no known set; known are {', '.join(KNOWN)}")
        if len(set(also)) < len(also):
            raise ValueError("a set is named twice")
        return also

    @field_validator("leave_out")
    @classmethod
    def _known_too(cls, leave_out: str) -> str:
        if leave_out and leave_out not in KNOWN:
            raise ValueError(f"{leave_out!r} is no known set; known are {', '.join(KNOWN)}")
        return leave_out


class AugmentRecipe(_Table):
    """Strength of each random change made to a training image; 0 switches it off, `on = false` all of them."""

    on: bool = True
    rotate: bool = True
    zoom: float = Field(default=1.35, ge=1.0, le=4.0, description="largest factor by which a view is scaled")
    shift: float = Field(default=0.08, ge=0, le=0.5, description="largest shift, as a share of the side")
    stain: float = Field(default=0.15, ge=0, le=1, description="deviation of the mixing of optical densities")
    strength: float = Field(default=0.25, ge=0, le=1, description="deviation of the log of stain strength")
    curve: float = Field(
        default=0.0, ge=0, le=2, description="deviation of the log of the power that bends each channel's tones"
    )
    tint: float = Field(default=0.0, ge=0, le=2, description="deviation of the optical density added to the cell")
    hue: float = Field(default=0.0, ge=0, le=1, description="largest turn of hue, as a share of a half turn")
    saturation: float = Field(default=0.0, ge=0, le=1, description="largest relative change of saturation")
    grey: float = Field(default=0.05, ge=0, le=1, description="share of images turned grey")
    blur: float = Field(default=0.2, ge=0, le=1, description="share of images blurred")
    noise: float = Field(default=0.2, ge=0, le=1, description="share of images with noise")
    mask: float = Field(
        default=0.15, ge=0, le=1, description="share of images masked outside the cell, as Fig. 3 of Islam"
    )


class StageRecipe(_Table):
    """One stretch of training at one input size; `samples` is how many images an epoch draws.

    `augment` replaces the recipe's for this stage.
    """

    size: int = Field(
        ge=32,
        le=512,
        title="Input size, px",
        description="side of the square pictures that the network sees; the cost grows with its area",
    )
    epochs: int = Field(ge=1, le=1000, description="how often the training images are gone through, at most")
    batch_size: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="images a step; larger ones need more memory and often a higher rate",
    )
    learning_rate: float = Field(gt=0, le=1)
    samples: int | None = Field(default=None, ge=1)
    final_rate: float = Field(default=0.01, ge=0, le=1, description="learning rate at the end, as a share of the first")
    augment: AugmentRecipe | None = None


class Recipe(_Table):
    """A whole run. `architecture` may be overridden on the command line."""

    name: str = Field(pattern=r"^[\w][\w.-]{0,63}$")
    architecture: str
    weights: str = Field(default="none", max_length=4096)
    batch_norm: bool = Field(default=False, description="VGG-19: train with batch normalisation and fold it afterwards")
    optimiser: Literal["adam", "adamw", "nadam"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = Field(default=0.02, ge=0, le=1)
    label_smoothing: float = Field(default=0.05, ge=0, le=0.5)
    class_weights: bool = Field(default=False, description="weigh the loss by the inverse frequency of each class")
    balance: float = Field(default=0.5, ge=0, le=1, description="0 draws classes as they are, 1 equally often")
    mixup: float = Field(default=0.0, ge=0, le=10, description="both parameters of the Beta distribution; 0 is none")
    cutmix: float = Field(default=0.0, ge=0, le=10, description="as mixup; with both, each batch takes one of the two")
    clip: float = Field(default=5.0, ge=0, le=1e6, description="largest norm of the gradients; 0 leaves them alone")
    average: float = Field(default=0.99, ge=0, lt=1, description="decay of the moving average of weights; 0 is none")
    trained_share: float = Field(
        default=1.0, gt=0, le=1, description="share of the trained weights in the result, the rest are the first ones"
    )
    teacher: str = Field(
        default="", max_length=4096, description="a checkpoint's name or folder, whose answers are learnt from as well"
    )
    teacher_share: float = Field(default=0.7, ge=0, le=1, description="share of the teacher's answers in the loss")
    monitor: Literal["val_accuracy", "val_loss", "val_mean_recall"] = "val_accuracy"
    patience: int = Field(default=5, ge=0, description="epochs without a better `monitor` before stopping; 0: never")
    bf16: bool = Field(default=False, description="compute in bf16 where processor or GPU has it")
    seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="the same seed, machine and versions give the same model"
    )
    data: DataRecipe = DataRecipe()
    split: SplitRecipe = SplitRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    stages: tuple[StageRecipe, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _batch_norm_is_vggs(self) -> Recipe:
        if self.batch_norm and self.architecture != "vgg19":
            raise ValueError("batch_norm = true is for vgg19 alone; the other architectures have theirs built in")
        return self

    @model_validator(mode="after")
    def _blends_like_with_like(self) -> Recipe:
        if self.trained_share < 1 and (self.weights == "none" or self.batch_norm):
            raise ValueError(
                "trained_share below 1 needs first weights of the same layers: weights, batch_norm = false"
            )
        return self

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def lower_is_better(self) -> bool:
        """Whether the epoch with the lowest `monitor` is the best."""
        return self.monitor == "val_loss"

    def augment_at(self, epoch: int) -> AugmentRecipe:
        """The random changes made in `epoch` (from 0)."""
        return self.stage_at(epoch)[0].augment or self.augment

    def stage_at(self, epoch: int) -> tuple[StageRecipe, int]:
        """The stage that `epoch` (from 0) falls into and its number within that stage."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage, epoch
            epoch -= stage.epochs
        return self.stages[-1], self.stages[-1].epochs - 1

    def in_last_stage(self, epoch: int) -> bool:
        """Whether `epoch` (from 0) falls into the last stage, whose epochs alone are compared for the best."""
        return epoch >= self.epochs - self.stages[-1].epochs


RECIPES = Path(__file__).parent / "recipes"

LARGEST_RECIPE = 1_000_000  # bytes

RECIPE_FORM = "Write --set key=value, such as split.kind=random or augment.zoom=1.2."

NUMBER = re.compile(r"[0-9]{1,9}")


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with LeukoLens."""
    return tuple(sorted(file.stem for file in RECIPES.glob("*.toml")))


def recipe_architectures(name_or_path: str, text: bytes | None = None) -> tuple[str, ...]:
    """The architectures that a recipe speaks of: its own first, then those of its tables `[for.NAME]`.

    As for `read_recipe`, `text` is the recipe itself.
    """
    _, document = _read(name_or_path, text)
    special = document.get("for", {})
    return tuple(dict.fromkeys((str(document.get("architecture")), *(special if isinstance(special, dict) else ()))))


def read_recipe(
    name_or_path: str,
    architecture: str | None = None,
    changes: dict[str, Any] | None = None,
    text: bytes | None = None,
) -> Recipe:
    """Read a shipped recipe by name or one of your own by path; InputError says which key is wrong.

    Where the recipe's TOML is at hand as `text` it is read, and the name only stands in messages.

    Tables `[for.NAME]` in the file hold what differs for the architecture NAME; `architecture` overrides the file's.
    `changes` maps dotted keys ("split.kind", "stages.0.size", "stages.size" for every stage) to values laid over both.
    """
    source, document = _read(name_or_path, text)
    document = _for_architecture(document, architecture)
    for key, value in (changes or {}).items():
        _lay(document, key.split("."), value, key)
    return checked_recipe(document, source)


def checked_recipe(document: Any, source: str) -> Recipe:
    """Validate a recipe's document; InputError names the first keys of `source` that are wrong."""
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{source}: {faults(error, Recipe)}.") from error


def _read(name_or_path: str, text: bytes | None) -> tuple[str, dict[str, Any]]:
    """What to call the recipe in messages, and what stands in it."""
    source, data = _file(name_or_path) if text is None else (name_or_path, text)
    if len(data) > LARGEST_RECIPE:
        raise InputError(f"{source} is larger than 1 MB: no recipe of ours.")
    try:
        return source, tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits and deep nesting too
        raise InputError(f"{source} is not valid TOML: {error}.") from error


def _file(name_or_path: str) -> tuple[str, bytes]:
    """The name of a recipe's file and its content, a byte more than may be at most."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not _is_file(path):
        shipped = ", ".join(shipped_recipes())
        raise InputError(f"No recipe {name_or_path!r}. Shipped: {shipped}; or give the path of a .toml file.")
    try:
        with path.open("rb") as file:
            return path.name, file.read(LARGEST_RECIPE + 1)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no disk takes, or a folder that must not be looked into
        return False


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


def _lay(place: Any, keys: list[str], value: Any, whole: str) -> None:
    """Set a dotted key; a list takes a number, or the rest of the key for each of its tables."""
    first, rest = keys[0], keys[1:]
    if isinstance(place, list) and NUMBER.fullmatch(first) and int(first) < len(place) and rest:
        _lay(place[int(first)], rest, value, whole)
    elif isinstance(place, list) and not first.isdigit():
        for item in place:
            _lay(item, keys, value, whole)
    elif isinstance(place, dict) and rest:
        _lay(place.setdefault(first, {}), rest, value, whole)
    elif isinstance(place, dict):
        place[first] = value
    else:
        raise InputError(f"{whole!r} is no key of this recipe.")


def recipe_text(document: Mapping[str, Any]) -> str:
    """TOML that reads as `document`: texts, numbers, switches, lists of those, tables and lists of tables.

    A key whose value is None is left out.
    """
    return "\n".join(_table(document, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, below = [], []
    for key, value in table.items():
        inner = (*path, key)
        if isinstance(value, Mapping):
            below += ["", f"[{_name(inner)}]", *_table(value, inner)]
        elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            for item in value:
                below += ["", f"[[{_name(inner)}]]", *_table(item, inner)]
        elif value is not None:
            lines.append(f"{_key(key)} = {_toml_value(value)}")
    return lines + below


def _name(path: tuple[str, ...]) -> str:
    return ".".join(_key(key) for key in path)


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    raise TypeError(f"{type(value).__name__} has no place in a recipe")


CLASSES = 5


def check_sizes(recipe: Recipe) -> None:
    """InputError that names the stage whose input size the architecture does not take; nothing is computed."""
    import torch

    entry = architecture(recipe.architecture)
    with torch.device("meta"):
        network = entry.build(CLASSES).eval()
        for number, stage in enumerate(recipe.stages, start=1):
            try:
                with torch.no_grad():
                    network(torch.empty(1, 3, stage.size, stage.size))
            except RuntimeError as error:
                raise InputError(
                    f"{entry.title} does not take images of {stage.size} px (stage {number}). Its own input size is "
                    f"{entry.input_size} px."
                ) from error
