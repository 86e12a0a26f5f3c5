"""What is known of another process: whether it still runs, whether it is the one that is meant, and how to end it."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil


def runs_still(pid: int) -> bool:
    """Whether a process of that number runs; one that has ended and waits to be collected does not."""
    if not 0 < pid < 2**31:
        return False
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def has_open(pid: int, path: Path) -> bool:
    """Whether the process has this file open, as the holder of a lock has; False where that cannot be seen."""
    try:
        return os.path.realpath(path) in [file.path for file in psutil.Process(pid).open_files()]
    except (OSError, psutil.Error):
        return False


def works_in(pid: int, run: Path) -> bool:
    """Whether the process was started to train or to audit in `run`, by its command."""
    try:
        words = psutil.Process(pid).cmdline()
    except (OSError, psutil.Error):
        return False
    kinds = (("train", "--run"), ("audit", "--out"))
    return any(kind in words and option in words for kind, option in kinds) and os.fspath(run) in words


def send(pid: int, number: signal.Signals, meant: Callable[[], bool]) -> bool:
    """Send a signal to the process, and to those it started if it leads a session, where it is the one `meant`.

    The process is known by its number and start, so that another that has taken the number over while `meant` looked is
    not hit. Returns whether the signal was sent.
    """
    if not 1 < pid < 2**31 or pid == os.getpid():
        return False
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return False
    try:
        if not meant():
            return False
        leads = os.getsid(pid) == pid
        process.send_signal(number)
        if leads and number == signal.SIGKILL:
            os.killpg(pid, number)
    except (OSError, psutil.Error):
        return not runs_still(pid)
    return True


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
