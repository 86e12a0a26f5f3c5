"""Choosing what to train: a recipe and an architecture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.errors import InputError
from core.models.registry import ARCHITECTURES
from core.training.recipe import Recipe
from core.training.recipe_file import RECIPES, read_recipe, recipe_architectures, shipped_recipes
from dashboard.training_memory import kept_option, recall, remember
from dashboard.training_text import quoted

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
    def key(self) -> str:
        """What tells the settings of this choice from those of another."""
        return f"{self.recipe}-{self.architecture}"

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
    if text is None:
        st.caption(_about(name))
    return Source(name, text, architecture)


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
