"""Starting a training as a process of its own, ending it, and going on with it. `LaunchSpec` is what a run was told to
train on: the part of its command that its recipe does not hold."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.files import read_bounded, read_end, write_whole
from core.runs.directory import LOCK, ROOT, RunDirectory, new_run
from core.runs.listing import list_runs
from core.runs.process import has_open, is_training, runs_still, send
from core.training.recipe import Recipe, read_recipe, recipe_text
from core.training.run_state import begun

RECIPE, SPEC = "order.toml", "command.json"
LARGEST_SPEC = 100_000  # bytes
LOG = logging.getLogger(__name__)
OUTPUT = "log.txt"
NICENESS = 5  # added to ours, so that pages stay quick while a training runs
MOST_GOING_ON = 20  # runs that train or are queued at once
GRACE = 20.0  # s that a training has to end by itself once asked
GO_ON = "Resume it: it goes on after its last finished epoch."


def _plain_path(text: str) -> str:
    if not Path(text).is_absolute() or not text.isprintable():
        raise ValueError("an absolute path in printable characters is needed")
    return text


class LaunchSpec(BaseModel):
    """`data` is an absolute path, `dataset` how it is read, `gpus` the numbers of the GPUs to use (none: processor).

    Nothing of it is ever run as text: the command is put together anew from these fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    data: Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_plain_path)]
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


def cancel(run: RunDirectory, grace: float = GRACE) -> None:
    """End a run's process: asked to first, killed after `grace` seconds; what its last epoch left stays.

    InputError where nothing goes on. Only a process that holds this run's lock, or was just started for it, is ended.
    """
    before = run.status()
    pid = ask_to_end(run)
    if not _gone(pid, run, grace):
        send(pid, signal.SIGKILL, lambda: _is_of(pid, run))
        _gone(pid, run, 10)
    status = run.status()
    ended = status is None or (status.active and status.pid in (pid, 0 if before is None else before.pid))
    if ended and not run.alive():  # a status of another process is of a run that somebody has resumed meanwhile
        known = {} if before is None else {"started": before.started}
        run.report(**known, state="cancelled", pid=0, message="Cancelled.", next_step=GO_ON, seconds_left=None)


def ask_to_end(run: RunDirectory) -> int:
    """Ask a run's process to end, and return its number; InputError where none is there."""
    status = run.status()
    pid = run.holder() or (status.pid if status is not None and status.state == "waiting" else 0)
    if not pid or not send(pid, signal.SIGTERM, lambda: _is_of(pid, run)):
        raise InputError(f"No process trains in {run.name} any more: there is nothing to cancel.")
    return pid


def _gone(pid: int, run: RunDirectory, seconds: float) -> bool:
    """Whether the process ends within so many seconds, and its lock is free; its threads may outlive it by a moment."""
    deadline = time.monotonic() + seconds
    while runs_still(pid) or run.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_of(pid: int, run: RunDirectory) -> bool:
    return has_open(pid, run.path / LOCK) or is_training(pid, run.path)


def _spawn(run: RunDirectory, spec: LaunchSpec, resume: bool) -> None:
    run.report(state="waiting", message="Starting.", pid=os.getpid())
    try:
        with (run.path / OUTPUT).open("ab") as output:
            process = subprocess.Popen(
                spec.command(run.path, resume),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=_environment(run, spec),
                start_new_session=True,
            )
    except OSError as error:
        run.report(state="failed", message="", error=f"The training's process could not be started: {error}.")
        raise InputError(f"The training's process could not be started: {error}.") from error
    if not run.alive():
        run.report(pid=process.pid)
    _step_back(process.pid)
    threading.Thread(target=_follow, args=(run, process), name=f"run {run.name}", daemon=True).start()


def _environment(run: RunDirectory, spec: LaunchSpec) -> dict[str, str]:
    more = {"LEUKOLENS_RUNS": str(run.path.parent), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **more, "CUDA_VISIBLE_DEVICES": spec.shown_gpus()}


def _step_back(pid: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS))
    except OSError as error:
        LOG.info("the priority of process %d stays: %s", pid, error)


def _follow(run: RunDirectory, process: subprocess.Popen[bytes]) -> None:
    """Collect the process when it ends, and tell what it could not tell itself."""
    code = process.wait()
    status = run.status()
    if code > 0 and status is not None and status.active and status.pid == process.pid and not run.alive():
        run.report(
            state="failed",
            pid=0,
            message="",
            error=last_words(run.path) or f"The training's process ended with code {code}.",
            next_step="Read the log, mend what it names, and resume.",
        )


def last_words(run: Path, most: int = 600) -> str:
    """The last lines that a run's process wrote, on one line."""
    data, _ = read_end(run / OUTPUT, 4000)
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1] if lines else ""
    return "".join(letter for letter in text if letter.isprintable())[-most:]
