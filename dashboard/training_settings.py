"""The few settings of a training that matter, laid over its recipe."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.checkpoints import available
from core.errors import InputError
from core.training.recipe import Recipe
from dashboard.slots import root
from dashboard.training_memory import kept, kept_option
from dashboard.training_recipe import Source

WEIGHTS = {"recipe": "As the recipe says", "none": "None: from scratch", "imagenet": "ImageNet (torchvision)"}
PLACE = "place"
SPLITS = {"given": "As the set gives it", "random": "Drawn at random"}
STAGE_FIELDS = (
    ("size", "Input size, px", 32, 512, "Side of the square pictures that the network sees. Cost grows with its area."),
    ("epochs", "Epochs", 1, 1000, "How often the training images are gone through, at most."),
    ("batch_size", "Batch size", 1, 4096, "Images a step. Larger ones need more memory and often a higher rate."),
)


def choose_settings(source: Source, recipe: Recipe) -> dict[str, Any]:
    """Show the settings that matter, each beginning with the recipe's; return those that differ, by dotted key."""
    changes: dict[str, Any] = {}
    for number, stage in enumerate(recipe.stages):
        heading = f"Stage {number + 1}: " if len(recipe.stages) > 1 else ""
        columns = st.columns(3)
        for column, (field, title, low, high, told) in zip(columns, STAGE_FIELDS, strict=True):
            with column:
                value = st.number_input(
                    f"{heading}{title}" if heading and field == "size" else title,
                    low,
                    high,
                    help=told,
                    **kept(f"{source.key}-{number}-{field}", getattr(stage, field)),
                )
            if value != getattr(stage, field):
                changes[f"stages.{number}.{field}"] = int(value)
    return {**changes, **_split_settings(source, recipe), **_other_settings(source, recipe)}


def _split_settings(source: Source, recipe: Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        kind = st.selectbox(
            "Split",
            list(SPLITS),
            format_func=SPLITS.__getitem__,
            help="Which images train, which choose the best epoch (validation), and which are kept for the figures "
            "at the end (test).",
            **kept(f"{source.key}-split", recipe.split.kind),
        )
    with right:
        grouped = st.toggle(
            "Keep photographs together",
            help="Images that come from the same photograph (copied, flipped, cropped, recoloured) never stand on two "
            "sides of the split. Finding them takes some minutes for ten thousand images, once.",
            **kept(f"{source.key}-grouped", recipe.split.group_by == "photograph"),
        )
    if kind != recipe.split.kind:
        changes["split.kind"] = kind
    if grouped != (recipe.split.group_by == "photograph"):
        changes["split.group_by"] = "photograph" if grouped else "none"
    return {**changes, **(_shares(source, recipe) if kind == "random" else {})}


def _shares(source: Source, recipe: Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for column, (field, title) in zip(st.columns(2), (("validation", "Validation"), ("test", "Test")), strict=True):
        own = getattr(recipe.split, field)
        with column:
            shown = round(100 * own, 4)
            percent = st.number_input(f"{title}, %", 0.0, 90.0, step=1.0, **kept(f"{source.key}-{field}", shown))
        if percent != shown:
            changes[f"split.{field}"] = round(percent / 100, 6)
    return changes


def _other_settings(source: Source, recipe: Recipe) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    left, right = st.columns(2)
    with left:
        weights = _choose_weights(source, recipe)
    with right:
        seed = st.number_input(
            "Seed",
            0,
            2**31 - 1,
            help="Same seed, machine and versions give the same model.",
            **kept(f"{source.key}-seed", recipe.seed),
        )
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
        **kept_option(f"{source.key}-weights", options, "recipe"),
    )
    if picked == "recipe":
        return recipe.weights
    if picked == PLACE:
        return str(st.text_input("Path of the weights", **kept(f"{source.key}-weights-place", ""))).strip()
    return str(root() / picked.removeprefix("model:")) if picked.startswith("model:") else picked
