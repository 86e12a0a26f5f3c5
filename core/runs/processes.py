"""What is known of another process: whether it still runs, whether it is the one that is meant, and how to end it."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
LARGEST_COMMAND = 100_000  # bytes


def runs_still(pid: int) -> bool:
    """Whether a process of that number runs; one that has ended and waits to be collected does not."""
    if not 0 < pid < 2**31:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _letter(pid) not in ("Z", "X")


def has_open(pid: int, path: Path) -> bool:
    """Whether the process has this very file open, as the holder of a lock has; True where that cannot be seen."""
    if not PROC.is_dir():
        return runs_still(pid)
    try:
        wanted = path.stat()
        links = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False
    return any(_is_same(link, wanted) for link in links)


def is_training(pid: int, run: Path) -> bool:
    """Whether the process was started to train in `run`, by its command."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()[:LARGEST_COMMAND].split(b"\0")
    except OSError:
        return False
    return b"train" in words and b"--run" in words and os.fsencode(run) in words


def send(pid: int, number: signal.Signals, meant: Callable[[], bool]) -> bool:
    """Send a signal to the process, and to those it started if it leads a session, where it is the one `meant`.

    The process is held by a descriptor while `meant` looks, where the system has those, so that no other process of
    the same number can be hit. Returns whether the signal was sent.
    """
    if not 1 < pid < 2**31 or pid == os.getpid():
        return False
    try:
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except OSError:
        return False
    try:
        if not meant():
            return False
        leads = os.getsid(pid) == pid
        if handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
        if leads and number == signal.SIGKILL:
            os.killpg(pid, number)
    except OSError:
        return not runs_still(pid)
    finally:
        if handle is not None:
            os.close(handle)
    return True


def _is_same(link: Path, wanted: os.stat_result) -> bool:
    try:
        facts = link.stat()
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == (wanted.st_dev, wanted.st_ino)


def _letter(pid: int) -> str:
    """The state of a process as the kernel abbreviates it; empty where it does not tell."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].strip()[:1]


def is_held(lock: Path) -> bool | None:
    """Whether a process holds a lock on the file; None where the file cannot be opened."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
