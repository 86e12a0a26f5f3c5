"""Choosing what to train: a recipe, an architecture, and the few settings that matter, laid over the recipe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.data.split import SplitRecipe
from core.errors import InputError
from core.models.checkpoints import available
from core.models.registry import ARCHITECTURES
from core.settings import fields_of
from core.training.recipe import RECIPES, Recipe, StageRecipe, read_recipe, recipe_architectures, shipped_recipes
from dashboard.models import root
from dashboard.state import kept, kept_option, recall, remember
from dashboard.train.wording import stages_in_words
from dashboard.ui.form import field_input, from_widget
from dashboard.ui.format import quoted

OWN, OWN_FILE, OWN_NAME, UPLOADER = "own", "own-recipe", "recipe.toml", "training-own-file"

LARGEST_MB = 1


@dataclass(frozen=True)
class Source:
    """Where a recipe comes from: its name, or the text of one of the reader's own, and for which architecture."""

    name: str
    text: bytes | None
    architecture: str | None

    def read(self, changes: dict[str, Any] | None = None) -> Recipe:
        """Read and check the recipe, with `changes` laid over it; InputError names what is wrong."""
        return read_recipe(self._told, self.architecture, changes, self.text)

    def architectures(self) -> tuple[str, ...]:
        """Those that the recipe speaks of, its own first."""
        return recipe_architectures(self._told, self.text)

    @property
    def _told(self) -> str:
        return self.name if self.text is None else OWN_NAME

    @property
    def recipe(self) -> str:
        """What tells the recipe from another: its name, for one of the reader's own with the start of its hash."""
        return self.name if self.text is None else f"{self.name}-{hashlib.sha256(self.text).hexdigest()[:12]}"


def choose_source() -> Source | None:
    """Let the reader choose a recipe and an architecture; None (and a message) where there is none to use."""
    left, right = st.columns(2)
    names = [*shipped_recipes(), OWN]
    with left:
        name = st.selectbox(
            "Recipe",
            names,
            format_func=lambda name: "One of your own (TOML file)" if name == OWN else name,
            help="A recipe says everything that decides a training: input sizes, epochs, learning rates, random "
            "changes, split. The shipped files explain each key; start from one of them for your own.",
            **kept_option("recipe", names, "leukolens"),
        )
    text = _own_text() if name == OWN else None
    if name == OWN and text is None:
        return None
    try:
        source = Source(name, text, None)
        spoken_of = source.architectures()
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return None
    with right:
        architecture = _choose_architecture(source.recipe, spoken_of)
    chosen = Source(name, text, architecture)
    if text is None:
        st.caption(f"{_about(name)} For {ARCHITECTURES[architecture].title}: {stages_in_words(chosen.read())}.")
    return chosen


def _choose_architecture(recipe: str, spoken_of: tuple[str, ...]) -> str:
    known = [name for name in spoken_of if name in ARCHITECTURES]
    options = [*known, *(name for name in ARCHITECTURES if name not in known)]
    return st.selectbox(
        "Architecture",
        options,
        format_func=lambda name: ARCHITECTURES[name].title + ("" if name in known else " (not tuned by this recipe)"),
        help="The network. The recipe holds settings for those on top; the others take its general ones.",
        **kept_option(f"architecture-{recipe}", options, options[0]),
    )


def _own_text() -> bytes | None:
    file = st.file_uploader(
        "A recipe file", type=["toml"], max_upload_size=LARGEST_MB, key=UPLOADER, on_change=_take_own
    )
    name, text = recall(OWN_FILE, ("", None))
    if text is not None and file is None:
        st.caption(f"Goes by “{quoted(name, 80)}”, uploaded before.")
    if text is None:
        st.info("Upload a recipe to go on: a TOML file such as the shipped ones.", icon=":material/upload_file:")
        shipped = RECIPES / f"{shipped_recipes()[0]}.toml"
        st.download_button(
            "An example to start from", shipped.read_bytes(), shipped.name, "text/plain", on_click="ignore"
        )
    return bytes(text) if text is not None else None


def _take_own() -> None:
    """Keep the file that was uploaded, for visits after other pages; forget the one that was taken away."""
    file = st.session_state[UPLOADER]
    remember(OWN_FILE, ("", None) if file is None else (file.name, file.getvalue()))


def _about(name: str) -> str:
    """The first lines of comment in a shipped recipe."""
    lines = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    head = [line.lstrip("# ") for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]]
    return " ".join(line for line in head if not line.startswith("Keys under"))


WEIGHTS = {"recipe": "As the recipe says", "none": "None: from scratch", "imagenet": "ImageNet (torchvision)"}

PLACE = "place"

SPLITS = {"given": "As the set gives it", "random": "Drawn at random"}

STAGE_FIELDS = ("size", "epochs", "batch_size")

STAGE, SPLIT, WHOLE = fields_of(StageRecipe), fields_of(SplitRecipe), fields_of(Recipe)


def choose_settings(source: Source, recipe: Recipe, plain: bool) -> dict[str, Any]:
    """Show the settings that matter, each beginning with the recipe's; return those that differ, by dotted key.

    Where the images come as a `plain` folder of classes, without a training side of their own, the split is drawn at
    random unless another is chosen.
    """
    changes: dict[str, Any] = {}
    for number, stage in enumerate(recipe.stages):
        heading = f"Stage {number + 1}: " if len(recipe.stages) > 1 else ""
        columns = st.columns(3)
        for column, name in zip(columns, STAGE_FIELDS, strict=True):
            field, own = STAGE[name], getattr(stage, name)
            label = f"{heading}{field.title}" if name == "size" else ""
            with column:
                value = field_input(field, kept(f"{source.recipe}-{number}-{name}", own), label=label)
            if value != own:
                changes[f"stages.{number}.{name}"] = from_widget(field, value)
    return {**changes, **_split_settings(source, recipe, plain), **_other_settings(source, recipe)}


def _split_settings(source: Source, recipe: Recipe, plain: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    first = "random" if plain and recipe.split.kind == "given" and not recipe.split.folds else recipe.split.kind
    place = f"{source.recipe}-split{'-plain' if plain else ''}"
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        kind = field_input(SPLIT["kind"], kept(place, first), format_choice=SPLITS.__getitem__)
    with right:
        grouped = st.toggle(
            "Keep photographs together",
            help="Images that come from the same photograph (copied, flipped, cropped, recoloured) never stand on two "
            "sides of the split. Finding them takes some minutes for ten thousand images, once.",
            **kept(f"{source.recipe}-grouped", recipe.split.group_by == "photograph"),
        )
    if first != recipe.split.kind and kind == first:
        st.caption("These images come without sides of their own, so that the split is drawn at random.")
    if kind != recipe.split.kind:
        changes["split.kind"] = kind
    if grouped != (recipe.split.group_by == "photograph"):
        changes["split.group_by"] = "photograph" if grouped else "none"
    return {**changes, **(_shares(source, recipe) if kind == "random" else {})}


def _shares(source: Source, recipe: Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for column, name in zip(st.columns(2), ("validation", "test"), strict=True):
        field, shown = SPLIT[name], round(100 * getattr(recipe.split, name), 4)
        percent = replace(field, title=f"{field.title}, %", high=100 * (field.high or 1))
        with column:
            value = field_input(percent, kept(f"{source.recipe}-{name}", shown))
        if value != shown:
            changes[f"split.{name}"] = round(value / 100, 6)
    return changes


def _other_settings(source: Source, recipe: Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    left, right = st.columns(2)
    with left:
        weights = _choose_weights(source, recipe)
    with right:
        seed = field_input(WHOLE["seed"], kept(f"{source.recipe}-seed", recipe.seed))
    if not weights:
        raise InputError("Name the file or folder of the first weights, or choose others.")
    if weights != recipe.weights:
        changes["weights"] = weights
    if seed != recipe.seed:
        changes["seed"] = int(seed)
    return changes


def _choose_weights(source: Source, recipe: Recipe) -> str:
    models = [f"model:{name}" for name in available(root())]
    options = [*WEIGHTS, *models, PLACE]
    titles = {**WEIGHTS, PLACE: "A file or folder on the server", "recipe": f"{WEIGHTS['recipe']}: {recipe.weights}"}
    picked = st.selectbox(
        "First weights",
        options,
        format_func=lambda name: titles.get(name, f"Our model {name.removeprefix('model:')}"),
        help="What the network begins with. ImageNet weights are downloaded where that is possible; without them the "
        "training says so and stops, for from scratch is another experiment.",
        **kept_option(f"{source.recipe}-weights", options, "recipe"),
    )
    if picked == "recipe":
        return recipe.weights
    if picked == PLACE:
        return str(st.text_input("Path of the weights", **kept(f"{source.recipe}-weights-place", ""))).strip()
    return str(root() / picked.removeprefix("model:")) if picked.startswith("model:") else picked
