"""Starting a training as a process of its own, ending it, and going on with it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from core.errors import InputError
from core.plain_files import read_end, write_whole
from core.runs.directory import LOCK, RunDirectory
from core.runs.listing import list_runs
from core.runs.order import ORDER, RECIPE, Order, read_order
from core.runs.place import ROOT, new_run
from core.runs.processes import has_open, is_training, runs_still, send
from core.runs.recipe_text import recipe_text
from core.training.recipe import Recipe
from core.training.recipe_file import read_recipe
from core.training.record import begun

LOG = logging.getLogger(__name__)
OUTPUT = "log.txt"
NICENESS = 5  # added to ours, so that pages stay quick while a training runs
MOST_GOING_ON = 20  # runs that train or wait in line at once
GRACE = 20.0  # s that a training has to end by itself once asked


def start(runs: Path, name: str, recipe: Recipe, order: Order) -> RunDirectory:
    """Begin the run `name` in the folder `runs`, as a process that outlives this one; InputError for a taken name."""
    path = new_run(runs, name)
    if sum(entry.going_on for entry in list_runs(runs).runs) >= MOST_GOING_ON:
        raise InputError(f"{MOST_GOING_ON} trainings go on or wait already: cancel one, or come back later.")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        write_whole(path / RECIPE, recipe_text(recipe.model_dump(mode="json")).encode())
        write_whole(path / ORDER, order.model_dump_json(indent=2).encode())
    except OSError as error:
        raise InputError(f"The run's folder {path} cannot be written: {error.strerror or error}.") from error
    run = RunDirectory(path)
    _spawn(run, order, resume=False)
    return run


def resume(run: RunDirectory) -> None:
    """Go on with a run that was cancelled, killed or has failed; InputError where that is not possible."""
    state = run.state()
    if state == "done":
        raise InputError(f"{run.name} is done: there is nothing to go on with.")
    if run.alive() or state not in ("failed", "cancelled", "interrupted", "unknown"):
        raise InputError(f"{run.name} goes on already.")
    order = read_order(run.path)
    read_recipe(str(run.path / RECIPE))
    _spawn(run, order, resume=begun(run.path))


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


GO_ON = "Resume it: it goes on after its last finished epoch."


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


def _spawn(run: RunDirectory, order: Order, resume: bool) -> None:
    run.report(state="waiting", message="Starting.", pid=os.getpid())
    try:
        with (run.path / OUTPUT).open("ab") as output:
            process = subprocess.Popen(
                order.command(run.path, resume),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=_environment(run, order),
                start_new_session=True,
            )
    except OSError as error:
        run.report(state="failed", message="", error=f"The training's process could not be started: {error}.")
        raise InputError(f"The training's process could not be started: {error}.") from error
    if not run.alive():
        run.report(pid=process.pid)
    _step_back(process.pid)
    threading.Thread(target=_follow, args=(run, process), name=f"run {run.name}", daemon=True).start()


def _environment(run: RunDirectory, order: Order) -> dict[str, str]:
    more = {"LEUKOLENS_RUNS": str(run.path.parent), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **more, "CUDA_VISIBLE_DEVICES": order.shown_gpus()}


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
