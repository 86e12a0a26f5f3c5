"""Where runs are kept, and how one may be called."""

from __future__ import annotations

import os
import re
from pathlib import Path

from core.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
ROOT = Path(__file__).resolve().parents[2]


def default_runs() -> Path:
    """The folder of the runs: LEUKOLENS_RUNS, else the project's `runs/`."""
    given = os.environ.get("LEUKOLENS_RUNS")
    return Path(given).resolve() if given else ROOT / "runs"


def checked_name(name: str) -> str:
    """A run's name: 1 to 64 letters, digits and `_ . -`, not starting with a point; InputError else."""
    if not NAME.fullmatch(name) or name.endswith(".partial"):
        raise InputError("A run's name has 1 to 64 letters, digits, points, hyphens or underscores, a letter first.")
    return name


def free_name(runs: Path, wanted: str) -> str:
    """`wanted`, or with the first number from 2 that makes a name no run in `runs` has."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-._")[:56] or "run"
    number, name = 1, stem
    while os.path.lexists(runs / name):
        number += 1
        name = f"{stem}-{number}"
    return name


def new_run(runs: Path, name: str) -> Path:
    """The directory of a run that is to be begun, not yet made; InputError where the name is taken or none."""
    if os.path.lexists(runs / checked_name(name)):
        raise InputError(f"There is a run “{name}” already. “{free_name(runs, name)}” is free.")
    return runs / name


def existing_run(runs: Path, name: str) -> Path:
    """The directory of a run that is there; InputError where it is not."""
    path = runs / checked_name(name)
    if not path.is_dir() or path.is_symlink():
        raise InputError(f"There is no run “{name}” in {runs}.")
    return path
