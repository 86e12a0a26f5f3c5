"""How a run ends: whatever happens, its directory tells it, and how to go on."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from core.errors import InputError
from core.runs.directory import RunDirectory
from core.training.diverged import Diverged
from core.training.processes import rank
from core.training.record import DIVERGED, LAST, begun

LOG = "log.txt"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Cancelled(BaseException):
    """The process was asked to end, by signal `number`."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"cancelled by {signal.Signals(number).name}")


def logged(tell: Callable[[str], None], directory: RunDirectory) -> Callable[[str], None]:
    """`tell`, and each message into the run's log as well (where that is not stderr itself).

    Before and after the epochs a message of one line is the run's status too, so that whoever watches sees it move.
    """

    def all_three(message: str) -> None:
        tell(message)
        log(directory.path, message)
        status = directory.status()
        if status is not None and status.state in ("preparing", "finishing") and "\n" not in message:
            directory.report(message=message)

    return all_three


def log(run: Path, message: str) -> None:
    """Add to the run's log; a full disk is no reason to stop."""
    try:
        if run.is_dir() and not _is_stderr(run / LOG):
            with (run / LOG).open("a", encoding="utf-8") as file:
                file.write(message.rstrip("\n") + "\n")
    except OSError:
        return


def _is_stderr(path: Path) -> bool:
    try:
        return path.exists() and os.path.samestat(os.fstat(2), path.stat())
    except OSError:
        return False


@contextmanager
def supervised(directory: RunDirectory) -> Iterator[None]:
    """Report what ends the work inside: done, failed or cancelled. Signals end it as `Cancelled`.

    A process that is not the first reports nothing.
    """
    before = {number: _handle(number, _cancel) for number in SIGNALS}
    try:
        yield
        _report(directory, state="done", message="Done.", seconds_left=0.0, error=None, next_step=None)
    except Cancelled as cancelled:
        for number in SIGNALS:
            _handle(number, signal.SIG_IGN)  # once is enough
        kept = "The finished epochs are kept." if any(directory.path.rglob(LAST)) else "No epoch was finished yet."
        words = f"Cancelled ({signal.Signals(cancelled.number).name}). {kept}"
        step = next_step() if begun(directory.path) else "Give the command again."
        _report(directory, state="cancelled", message=words, next_step=step, seconds_left=None)
        log(directory.path, words)
        raise
    except InputError as error:
        _fail(directory, error)
        raise
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            _crash(directory)
            raise
        full = InputError("The disk is full. What was written before is intact: make room and go on with --resume.")
        _fail(directory, full)
        raise full from error
    except Exception:
        _crash(directory)
        raise
    finally:
        for number, handler in before.items():
            _handle(number, handler)


def next_step() -> str:
    """The command that goes on with this run, as it was given, or how to find it."""
    if sys.argv[1:2] != ["train"]:
        return "Give the same command again with --resume."
    words = ["python", "-m", "core", *sys.argv[1:]]
    return shlex.join(words if "--resume" in words else [*words, "--resume"])


def _cancel(number: int, frame: FrameType | None) -> None:
    raise Cancelled(number)


def _handle(number: int, handler: Any) -> Any:
    try:
        return signal.signal(number, handler)
    except ValueError:  # not the main thread: signals are another's business
        return handler


def _report(directory: RunDirectory, **changes: Any) -> None:
    if rank() == 0:
        directory.report(**changes)


def _fail(directory: RunDirectory, error: InputError) -> None:
    step = "Give the command again with --resume and a smaller --learning-rate."
    if isinstance(error, Diverged):
        with suppress(OSError):  # a full disk is no reason to hide what ended the run
            (directory.path / DIVERGED).write_text(str(error), encoding="utf-8")
    else:
        again = f"When that is put right: {next_step()}"
        step = again if begun(directory.path) else "Put that right and give the command again."
    _report(directory, state="failed", message=str(error), error=str(error), next_step=step, seconds_left=None)
    log(directory.path, f"error: {error}")


def _crash(directory: RunDirectory) -> None:
    """An error of ours: the log has its traceback."""
    log(directory.path, traceback.format_exc())
    words = f"The training stopped on an error of its own: {traceback.format_exc().strip().splitlines()[-1][:500]}"
    _report(directory, state="failed", message=words, error=words, next_step=next_step(), seconds_left=None)
