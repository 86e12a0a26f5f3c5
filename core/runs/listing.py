"""The runs in a folder, newest first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.runs.directory import NAME, STATUS, RunDirectory, RunStatus

MOST_RUNS, MOST_ENTRIES = 100, 5000
MARKS = (STATUS, "recipe.json", "command.json")


@dataclass(frozen=True)
class RunEntry:
    """A run as a list shows it.

    `since` is when it was begun or resumed (s since 1970), `problem` says what cannot be read.
    """

    name: str
    state: str
    status: RunStatus | None
    since: float
    problem: str = ""

    @property
    def going_on(self) -> bool:
        """Whether a process waits or trains there."""
        return self.status is not None and self.state == self.status.state and self.status.active


@dataclass(frozen=True)
class RunList:
    """The newest runs of a folder, and sentences about what is not among them."""

    runs: tuple[RunEntry, ...]
    notes: tuple[str, ...] = ()


def list_runs(runs: Path, most: int = MOST_RUNS) -> RunList:
    """Look at the runs in the folder `runs`; one that cannot be read is among them, and says so."""
    try:
        with os.scandir(runs) as found:
            names = [entry.name for _, entry in zip(range(MOST_ENTRIES), found, strict=False) if _may_be_run(entry)]
    except FileNotFoundError:
        return RunList(())
    except OSError as error:
        return RunList((), (f"The folder of the runs, {runs}, cannot be read: {error.strerror}.",))
    dated = sorted(((_changed(runs / name), name) for name in names), reverse=True)
    entries = sorted((entry_of(runs, name) for _, name in dated[:most]), key=lambda entry: (-entry.since, entry.name))
    left = len(names) - most
    notes = (f"{left} older run{'s are' if left > 1 else ' is'} not shown.",) if left > 0 else ()
    return RunList(tuple(entries), notes)


def entry_of(runs: Path, name: str) -> RunEntry:
    """What a list says about one run."""
    directory = RunDirectory(runs / name)
    status = directory.status()
    problem = "" if status is not None else next(iter(directory.problems()), "It holds no status: it may be older.")
    since = status.started if status is not None and status.started else _changed(runs / name)
    return RunEntry(name, directory.state(), status, since, problem)


def _may_be_run(entry: os.DirEntry[str]) -> bool:
    try:
        if not NAME.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
            return False
    except OSError:
        return False
    return any(os.path.lexists(Path(entry.path) / mark) for mark in MARKS)


def _changed(run: Path) -> float:
    for path in (run / STATUS, run):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0
