"""Starting a training as a process of its own, and going on with it. `LaunchSpec` is what a run was told to
train on: the part of its command that its recipe does not hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import InputError
from core.runs.directory import RunDirectory
from core.runs.order import AbsolutePath, checked_order, keep_order, read_order
from core.runs.spawn import spawn
from core.training.recipe import Recipe, read_recipe, recipe_text
from core.training.run_state import begun

RECIPE = "order.toml"
MOST_GOING_ON = 20  # runs that train or are queued at once


class LaunchSpec(BaseModel):
    """`data` is an absolute path, `dataset` how it is read, `gpus` the numbers of the GPUs to use (none: processor).

    Nothing of it is ever run as text: the command is put together anew from these fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    data: AbsolutePath
    dataset: str = Field(default="auto", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    gpus: tuple[Annotated[int, Field(ge=0, le=63)], ...] = Field(default=(), max_length=64)

    def command(self, run: Path, resume: bool) -> list[str]:
        """The command that trains in `run`, where the recipe lies as `order.toml`."""
        words = [sys.executable, "-m", "core", "train", str(run / RECIPE), "--data", self.data]
        words += ["--dataset", self.dataset, "--run", str(run), "--devices", str(max(1, len(self.gpus))), "--in-line"]
        return [*words, "--resume"] if resume else words

    def shown_gpus(self) -> str:
        """CUDA_VISIBLE_DEVICES for the training's process."""
        return ",".join(str(number) for number in self.gpus)


def checked_spec(data: str, dataset: str, gpus: tuple[int, ...] = ()) -> LaunchSpec:
    """The specification of a training, of these facts; InputError where one cannot be used."""
    return checked_order(LaunchSpec, "training", {"data": data, "dataset": dataset, "gpus": gpus})


def read_spec(run: Path) -> LaunchSpec:
    """What `run` was told to train on; InputError where it was begun otherwise, or the file was changed."""
    command = f"python -m core train RECIPE --data FOLDER --run {run} --resume"
    return read_order(LaunchSpec, run, f". Resume it on the command line: {command}.")


def start_run(runs: Path, name: str, recipe: Recipe, spec: LaunchSpec) -> RunDirectory:
    """Begin the run `name` in the folder `runs`, as a process that outlives this one; InputError for a taken name."""
    order = {RECIPE: recipe_text(recipe.model_dump(mode="json")).encode()}
    run = keep_order(runs, name, "trainings go on or wait", spec, MOST_GOING_ON, order)
    _spawn(run, spec, resume=False)
    return run


def resume_run(run: RunDirectory) -> None:
    """Go on with a run that was cancelled, killed or has failed; InputError where that is not possible."""
    state = run.state()
    if state == "done":
        raise InputError(f"{run.name} is done: there is nothing to go on with.")
    if run.alive() or state not in ("failed", "cancelled", "interrupted", "unknown"):
        raise InputError(f"{run.name} goes on already.")
    spec = read_spec(run.path)
    read_recipe(str(run.path / RECIPE))
    _spawn(run, spec, resume=begun(run.path))


def _spawn(run: RunDirectory, spec: LaunchSpec, resume: bool) -> None:
    more = {"LEUKOLENS_RUNS": str(run.path.parent), "CUDA_VISIBLE_DEVICES": spec.shown_gpus()}
    spawn(run, spec.command(run.path, resume), more)
