"""The queue for a device: one training at a time, in the order in which they came, across processes; and the devices of
this machine."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.files import read_bounded
from core.runs.directory import RunDirectory, default_runs
from core.runs.process import is_held

Tell = Callable[[str], None]

FOLDER, LOCK = ".line", "gate"
TICKET = re.compile(r"(\d{8})\.ticket")
DEVICE = re.compile(r"cpu|cuda:[\w:.-]{1,80}")
LARGEST_TICKET, MOST_DEVICES = 10_000, 64
PAUSE = 0.5  # s between two looks at the queue


@dataclass(frozen=True)
class QueueTicket:
    """A place in the queue: `number` counts up, `devices` are those that the job wants, all of them at once.

    None stands for a ticket that cannot be read: it may want any.
    """

    number: int
    run: str
    devices: tuple[str, ...] | None

    def shares(self, devices: Sequence[str]) -> bool:
        """Whether this job wants one of `devices` too."""
        return self.devices is None or bool(set(self.devices) & set(devices))


@contextmanager
def wait_for_devices(runs: Path, devices: Sequence[str], run: str, tell: Tell, pause: float = PAUSE) -> Iterator[None]:
    """Wait until no job that came earlier wants one of `devices` ("cpu", "cuda:0"), then keep them until the end.

    The queue is the folder `.line` of the folder `runs`. A place is a file that its process keeps locked: the kernel
    frees it when the process ends, however it ends. `tell` hears how many jobs come first, when that changes.
    """
    folder = _made(runs)
    number, lock = _take_ticket(folder, devices, run)
    try:
        told = ""
        while before := jobs_ahead(folder, number, devices):
            words = f"{before} job{'s' if before > 1 else ''} before this one"
            if words != told:
                tell(words)
            told = words
            time.sleep(pause)
        yield
    finally:
        (folder / f"{number:08d}.ticket").unlink(missing_ok=True)
        os.close(lock)


def jobs_ahead(folder: Path, number: int, devices: Sequence[str]) -> int:
    """How many jobs with an earlier ticket in `folder` want one of `devices`."""
    return sum(ticket.number < number and ticket.shares(devices) for ticket in queued_tickets(folder))


def queued_tickets(folder: Path) -> list[QueueTicket]:
    """The queue as it stands, first come first; places that their process has left are cleaned up."""
    if not folder.is_dir():
        return []
    with _locked(folder):
        return [ticket for ticket in _tickets(folder) if _kept(folder, ticket)]


def _made(runs: Path) -> Path:
    folder = runs / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}, where trainings wait in line, cannot be used: {error.strerror}. Name a folder that can be "
            "written to with LEUKOLENS_RUNS."
        ) from error
    return folder


def _take_ticket(folder: Path, devices: Sequence[str], run: str) -> tuple[int, int]:
    """Take the next ticket: its number, and the open file whose lock keeps it."""
    with _locked(folder):
        number = max((ticket.number for ticket in _tickets(folder) if _kept(folder, ticket)), default=0) + 1
        while os.path.lexists(folder / f"{number:08d}.ticket"):
            number += 1
        path = folder / f"{number:08d}.ticket"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(lock, json.dumps({"run": run, "devices": list(devices)}).encode())
        except OSError as error:
            path.unlink(missing_ok=True)
            os.close(lock)
            raise InputError(f"No place in line could be taken in {folder}: {error.strerror}.") from error
    return number, lock


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Be the only one who looks at the queue or changes it, for the moment that this takes."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _tickets(folder: Path) -> list[QueueTicket]:
    found = (TICKET.fullmatch(path.name) for path in folder.iterdir())
    return [_read(folder, int(match[1])) for match in sorted((m for m in found if m), key=lambda m: m[0])]


def _read(folder: Path, number: int) -> QueueTicket:
    data = read_bounded(folder / f"{number:08d}.ticket", LARGEST_TICKET)
    try:
        document = json.loads(data or b"")
        run, devices = document["run"], document["devices"]
        sound = isinstance(run, str) and isinstance(devices, list) and 0 < len(devices) <= MOST_DEVICES
        if sound and all(isinstance(name, str) and DEVICE.fullmatch(name) for name in devices):
            return QueueTicket(number, run, tuple(devices))
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return QueueTicket(number, "", None)


def _kept(folder: Path, ticket: QueueTicket) -> bool:
    """Whether a process keeps the ticket; one that none keeps is removed. The queue must be locked."""
    path = folder / f"{ticket.number:08d}.ticket"
    held = is_held(path)
    if held is False:
        with suppress(OSError):  # a folder, say: nobody keeps it, and it does no harm where it is
            path.unlink(missing_ok=True)
    return bool(held)


@contextmanager
def wait_in_queue(run: RunDirectory, devices: Sequence[str], tell: Tell, runs: Path | None = None) -> Iterator[None]:
    """Wait until no earlier run wants one of `devices`, reported as "waiting"; then go on as "preparing".

    The queue is that of the folder `runs` (default: where runs are kept), wherever the run's own directory is.
    """

    def told(words: str) -> None:
        run.report(state="waiting", message=words)
        tell(f"Waiting in line: {words}.")

    with wait_for_devices(runs or default_runs(), devices, run.name, told):
        run.report(state="preparing", message="")
        yield


def claimed_devices(gpus: Sequence[int]) -> tuple[str, ...]:
    """What a training on the GPUs of these numbers claims, as the whole machine numbers them; none: the processor.

    A process that is shown some GPUs alone (CUDA_VISIBLE_DEVICES) counts those from 0.
    """
    if not gpus:
        return ("cpu",)
    shown = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple(f"cuda:{shown[number] if number < len(shown) else number}" for number in gpus)


def gpu_names() -> tuple[str, ...]:
    """Names of the GPUs that a training can be given, by number; none where there is no usable one."""
    import torch

    try:
        return tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    except (RuntimeError, AssertionError):
        return ()
