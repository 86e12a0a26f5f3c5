"""Starting a training as a process of its own, and going on with it. `LaunchSpec` is what a run was told to
train on: the part of its command that its recipe does not hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.files import read_bounded, write_whole
from core.runs.directory import RunDirectory, new_run
from core.runs.listing import list_runs
from core.runs.spawn import AbsolutePath, spawn
from core.training.recipe import Recipe, read_recipe, recipe_text
from core.training.run_state import begun

RECIPE, SPEC = "order.toml", "command.json"
LARGEST_SPEC = 100_000  # bytes
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
    try:
        return LaunchSpec(data=data, dataset=dataset, gpus=gpus)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"The training cannot be ordered so: {first['loc'][0]}: {reason[:1].lower()}{reason[1:]}."
        ) from error


def read_spec(run: Path) -> LaunchSpec:
    """What `run` was told to train on; InputError where it was begun otherwise, or the file was changed."""
    data = read_bounded(run / SPEC, LARGEST_SPEC)
    try:
        return LaunchSpec.model_validate(json.loads(data or b""))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{run.name} was not started from here, or its {SPEC} was changed. Resume it on the command line: "
            f"python -m core train RECIPE --data FOLDER --run {run} --resume."
        ) from error


def start_run(runs: Path, name: str, recipe: Recipe, spec: LaunchSpec) -> RunDirectory:
    """Begin the run `name` in the folder `runs`, as a process that outlives this one; InputError for a taken name."""
    path = new_run(runs, name)
    if sum(entry.going_on for entry in list_runs(runs).runs) >= MOST_GOING_ON:
        raise InputError(f"{MOST_GOING_ON} trainings go on or wait already: cancel one, or come back later.")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        write_whole(path / RECIPE, recipe_text(recipe.model_dump(mode="json")).encode())
        write_whole(path / SPEC, spec.model_dump_json(indent=2).encode())
    except OSError as error:
        raise InputError(f"The run's folder {path} cannot be written: {error.strerror or error}.") from error
    run = RunDirectory(path)
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
