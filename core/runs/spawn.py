"""Work in a process of its own that outlives this one and reports into its run's directory: starting it, and ending
it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import InputError
from core.files import read_end
from core.runs.directory import LOCK, ROOT, RunDirectory
from core.runs.process import has_open, runs_still, send, works_in

LOG = logging.getLogger(__name__)
OUTPUT = "log.txt"
NICENESS = 5  # added to ours, so that pages stay quick while the work goes on
GRACE = 20.0  # s that a process has to end by itself once asked
GO_ON = "Resume it: it goes on after what was finished."


def spawn(run: RunDirectory, command: Sequence[str], more: Mapping[str, str]) -> None:
    """Start `command` for `run`, with the environment's variables and `more`; what it prints goes into the run's log.

    InputError where no process can be started.
    """
    run.report(state="waiting", message="Starting.", pid=os.getpid())
    try:
        with (run.path / OUTPUT).open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **more},
                start_new_session=True,
            )
    except OSError as error:
        run.report(state="failed", message="", error=f"The process could not be started: {error}.")
        raise InputError(f"The process could not be started: {error}.") from error
    if not run.alive():
        run.report(pid=process.pid)
    _step_back(process.pid)
    threading.Thread(target=_follow, args=(run, process), name=f"run {run.name}", daemon=True).start()


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
        raise InputError(f"No process works in {run.name} any more: there is nothing to cancel.")
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
    return has_open(pid, run.path / LOCK) or works_in(pid, run.path)


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
            error=last_words(run.path) or f"The process ended with code {code}.",
            next_step="Read the log, mend what it names, and resume.",
        )


def last_words(run: Path, most: int = 600) -> str:
    """The last lines that a run's process wrote, on one line."""
    data, _ = read_end(run / OUTPUT, 4000)
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1] if lines else ""
    return "".join(letter for letter in text if letter.isprintable())[-most:]
