"""The directory of one training run: where it lies and how it may be called, which process trains in it, where it
stands (`status.json`) and what it has reached (`history.csv`)."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.files import read_bounded, write_whole
from core.runs.process import is_held, runs_still

State = Literal["waiting", "preparing", "training", "finishing", "done", "failed", "cancelled"]
Count = Annotated[int, Field(ge=0, le=10**12)]

LONGEST_TEXT = 4000
ACTIVE: tuple[State, ...] = ("waiting", "preparing", "training", "finishing")
LOG = logging.getLogger(__name__)
LOCK, STATUS, HISTORY = "run.lock", "status.json", "history.csv"
LARGEST_STATUS, LARGEST_HISTORY = 100_000, 5_000_000  # bytes
PATIENCE = 1.0  # s: how long `hold` tries, since a look at a lock holds it for an instant
START_UP = 120.0  # s that a process that was just started may take until it holds the lock

COLUMNS = (
    "epoch",
    "size",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "val_mean_recall",
    "seconds",
    "images_per_second",
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
ROOT = Path(__file__).resolve().parents[2]


def _shortened(value: object) -> object:
    return value[: LONGEST_TEXT - 1] + "…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value


Text = Annotated[str, BeforeValidator(_shortened)]


class RunStatus(BaseModel):
    """What a run is doing: `epoch` counts finished epochs, `step` the batches of the present one.

    Times are seconds since 1970; `next_step` is a sentence or a command that tells how to go on.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    state: State = "preparing"
    message: Text = ""
    pid: Count = 0
    started: float = Field(default=0.0, ge=0, le=1e11)
    updated: float = Field(default=0.0, ge=0, le=1e11)
    epoch: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps: Count = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    error: Text | None = None
    next_step: Text | None = None

    @property
    def active(self) -> bool:
        """Whether the run said of itself that it goes on."""
        return self.state in ACTIVE


class RunDirectory:
    """A run's directory. What stands in its files may come from anywhere: it is checked when read.

    A file that cannot be used reads as None or empty, and `problems` says why in sentences.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reported: RunStatus | None = None

    @property
    def name(self) -> str:
        """The directory's name, which is the run's."""
        return self.path.name

    @contextmanager
    def hold(self, works: str = "trains", option: str = "--run") -> Iterator[None]:
        """Be the one process that `works` here (the directory is made); `option` is what names another one.

        InputError where another one does, or where nothing can be written. The kernel frees the lock when the process
        ends, however it ends.
        """
        lock = -1
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
            _take(lock, self.path, works, option)
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except (OSError, InputError) as error:
            if lock >= 0:
                os.close(lock)
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"No run can be kept in {self.path}: {error.strerror}. Name another folder with {option}."
            ) from error
        try:
            yield
        finally:
            os.close(lock)

    def holder(self) -> int | None:
        """The process that says it trains here, None where none does."""
        if not self.alive():
            return None
        text = read_bounded(self.path / LOCK, 100)
        return int(text) if text is not None and text.strip().isdigit() else None

    def alive(self) -> bool:
        """Whether a process holds the directory."""
        return bool(is_held(self.path / LOCK))

    def report(self, **changes: Any) -> RunStatus:
        """Change the status by `changes` and write it as a whole; a full disk is logged, and the run goes on.

        The first report of a run that is begun or resumed takes over what the file says, but for its process and times.
        """
        now = time.time()
        if self._reported is None:
            fresh = {"pid": os.getpid(), "started": now, "error": None, "next_step": None}
            changes = {**fresh, **changes}
        before = self._reported or self.status() or RunStatus()
        status = RunStatus.model_validate({**before.model_dump(), "updated": now, **changes})
        self._reported = status
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.path / STATUS, status.model_dump_json(indent=2).encode())
        except OSError as error:
            LOG.warning("the status of %s could not be written: %s", self.name, error)
        return status

    def status(self) -> RunStatus | None:
        """What `status.json` says; None where there is none or it cannot be used."""
        return self._read_status()[0]

    def state(self) -> str:
        """The status's state; "interrupted" where it says the run goes on and no process is there to do so.

        "unknown" where no usable status was written.
        """
        status = self.status()
        if status is None:
            return "preparing" if self.alive() else "unknown"
        if status.state not in ACTIVE or self.alive() or _starts_up(status):
            return status.state
        again = self.status()  # it may have ended between the two looks
        return "interrupted" if again is None or again.state in ACTIVE else again.state

    def history(self) -> pd.DataFrame:
        """The table of `history.csv`: a row an epoch in order, numbers in COLUMNS, NaN where one is missing.

        Empty where there is no usable file.
        """
        return self._read_history()[0]

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the directory's files, in sentences."""
        return tuple(told for told in (self._read_status()[1], self._read_history()[1]) if told)

    def _read_status(self) -> tuple[RunStatus | None, str]:
        path = self.path / STATUS
        if not os.path.lexists(path):
            return None, ""
        data = read_bounded(path, LARGEST_STATUS)
        try:
            if data is None:
                raise ValueError
            return RunStatus.model_validate(json.loads(data)), ""
        except (ValueError, RecursionError, ValidationError):
            return None, f"{self.name}/{STATUS} cannot be read: where the run stands is not known."

    def _read_history(self) -> tuple[pd.DataFrame, str]:
        path = self.path / HISTORY
        empty = pd.DataFrame({name: pd.Series(dtype="float64") for name in COLUMNS})
        if not os.path.lexists(path):
            return empty, ""
        data = read_bounded(path, LARGEST_HISTORY)
        try:
            if data is None:
                raise ValueError
            return _tidy(data), ""
        except (ValueError, KeyError, pd.errors.ParserError, RecursionError, OverflowError):
            return empty, f"{self.name}/{HISTORY} cannot be read: the curves of the run are not shown."


def _take(lock: int, path: Path, works: str, option: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"Another process {works} in {path} already. Wait until it is done, cancel it, or name another "
                    f"folder with {option}."
                ) from error
        time.sleep(0.02)


def _starts_up(status: RunStatus) -> bool:
    """Whether a process that was started a moment ago may not have come as far as holding the lock."""
    young = 0 <= time.time() - status.updated < START_UP
    return status.state == "waiting" and young and runs_still(status.pid)


def _tidy(data: bytes) -> pd.DataFrame:
    from io import BytesIO

    table = pd.read_csv(BytesIO(data), dtype=str, nrows=100_000, on_bad_lines="skip", encoding="utf-8")
    if "epoch" not in table.columns:
        raise ValueError
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in COLUMNS if name in table.columns}
    tidy = pd.DataFrame(numbers).reindex(columns=list(COLUMNS)).astype("float64")
    tidy = tidy.replace([float("inf"), float("-inf")], float("nan"))
    tidy = tidy[tidy["epoch"].between(0, 10**6)]
    return tidy.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)


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
