"""What a training will do and where it stands, in sentences."""

from __future__ import annotations

import time
from typing import Literal

from core.models.registry import ARCHITECTURES
from core.preprocessing.framing import FRAMINGS
from core.runs.directory import RunStatus
from core.training.recipe import Recipe
from core.training.timing import DurationEstimate
from dashboard.train.images import Sides

MONITORS = {
    "val_accuracy": "validation accuracy",
    "val_loss": "validation loss",
    "val_mean_recall": "mean recall over the classes, on validation",
}

Colour = Literal["gray", "violet", "green", "red", "orange"]

STATES: dict[str, tuple[str, str, Colour]] = {
    "waiting": ("Waiting in line", "hourglass_empty", "gray"),
    "preparing": ("Preparing", "hourglass_top", "violet"),
    "training": ("Training", "play_arrow", "violet"),
    "finishing": ("Measuring the best epoch", "straighten", "violet"),
    "done": ("Done", "check", "green"),
    "failed": ("Failed", "error", "red"),
    "cancelled": ("Cancelled", "stop", "gray"),
    "interrupted": ("Interrupted", "power_off", "orange"),
    "unknown": ("Cannot be read", "help", "gray"),
}


def plan_in_words(recipe: Recipe, sides: Sides) -> list[str]:
    """Say what a training by `recipe` does, a sentence each."""
    told = [
        f"Trains {ARCHITECTURES[recipe.architecture].title} {_origin(recipe.weights)} to tell "
        f"{len(sides.data.classes)} classes apart, on {_images(sides.count('train'))} of {sides.data.title}"
        + (f" and {recipe.data.simulated:,} simulated cells." if recipe.data.simulated else "."),
        f"{_split(recipe)} {_images(sides.count('val'))} validate.",
        f"{stages_in_words(recipe)}.",
        f"Shows the network {_article(FRAMINGS.get(recipe.data.framing, 'cell masked as in the paper'))}"
        + (", randomly changed in colour, place and sharpness." if recipe.augment.on else ", as it is."),
    ]
    keeps = f"Keeps the epoch with the best {MONITORS[recipe.monitor]}"
    stops = f", and stops after {_counted(recipe.patience, 'epoch')} without a better one" if recipe.patience else ""
    test = sides.count("test")
    measured = f", then measures it on the {_images(test)} of the test side" if test else ""
    return [*told, f"{keeps}{stops}{measured}."]


def recipe_cautions(recipe: Recipe, sides: Sides) -> list[str]:
    """Say what makes a training's figures worth less."""
    told = []
    if recipe.split.kind == "random" and recipe.split.group_by == "none":
        told.append(
            "A random split puts copies of one photograph on both sides where there are any: the figures then "
            "flatter. Keep photographs together to find out what is left of them."
        )
    if not sides.count("test"):
        told.append("No images are left to test: the model will have no figures on images it was not chosen by.")
    if recipe.split.folds:
        told.append(f"{recipe.split.folds} folds: as many trainings one after the other, each {_fold_share(recipe)}.")
    return told


def _fold_share(recipe: Recipe) -> str:
    return f"tested on another {100 / recipe.split.folds:.0f} % of the images"


def _origin(weights: str) -> str:
    known = {"none": "from scratch", "imagenet": "from ImageNet weights"}
    return known.get(weights, f"from the weights of {weights.rstrip('/').rpartition('/')[2]}")


def _split(recipe: Recipe) -> str:
    together = ", images of one photograph together" if recipe.split.group_by == "photograph" else ""
    if recipe.split.folds:
        return f"Cross-validation in {recipe.split.folds} folds{together}."
    if recipe.split.kind == "given":
        return f"Split as the set gives it{together}."
    return f"Split drawn at random{', by class' if recipe.split.stratify else ''}{together}."


def stages_in_words(recipe: Recipe) -> str:
    """Say what sizes a training goes through, for how many epochs each."""
    parts = [
        f"{_counted(stage.epochs, 'epoch')} at {stage.size} px in batches of {stage.batch_size}"
        + (f", {stage.samples:,} images an epoch" if stage.samples else "")
        for stage in recipe.stages
    ]
    return "; then ".join(parts)


def _article(framing: str) -> str:
    return framing if framing.startswith(("the ", "a ")) else f"the {framing}"


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def about(seconds: float) -> str:
    """Write a rough time: "20 s", "12 min", "3 h 20 min", "2 days"."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(10 * round(minutes / 10), 60)
        return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours} h"
    return f"{round(minutes / 1440)} days"


def ago(when: float, now: float | None = None) -> str:
    """Write how long ago something was."""
    seconds = (time.time() if now is None else now) - when
    return "just now" if seconds < 90 else f"{about(seconds)} ago"


def estimate_in_words(found: DurationEstimate) -> str:
    """Say how long it will take, at most where it may stop early, and what that rests on."""
    most = "at most about" if found.may_stop_early else "about"
    if found.measured:
        return f"Takes {most} {about(found.seconds)} on this machine ({found.machine}), measured {ago(found.when)}."
    return (
        f"Takes {most} {about(found.seconds)}, by a table of another machine: it may be off by a factor of three. "
        "A trial of some seconds tells better."
    )


def progress_in_words(status: RunStatus) -> str:
    """Say how far a training has come: epoch, batch, images a second, time left."""
    parts = [f"Epoch {min(status.epoch + 1, status.epochs)} of {status.epochs}"]
    if status.steps:
        parts.append(f"batch {min(status.step, status.steps):,} of {status.steps:,}")
    if status.images_per_second:
        rate = status.images_per_second
        parts.append(f"{rate:,.0f} images/s" if rate >= 10 else f"{rate:.1f} images/s")
    if status.seconds_left is not None and status.seconds_left > 0:
        parts.append(f"about {about(status.seconds_left)} left")
    return ", ".join(parts)


def share_done(status: RunStatus) -> float:
    """How much of all epochs is done, from 0 to 1."""
    if not status.epochs:
        return 0.0
    within = min(1.0, status.step / status.steps) if status.steps else 0.0
    return min(1.0, (status.epoch + within) / status.epochs)
