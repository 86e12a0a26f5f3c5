"""Long work in the terminal: how far it is, and stopping it without losing what it has found."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from core.cli.output import say
from core.explanation.task import Task

OFTEN = 0.2  # seconds between two signs of life in a terminal
SELDOM = 15.0  # and in a log


class Stop:
    """Whether the user has asked for an end, by Ctrl-C."""

    asked = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn the first Ctrl-C into a wish that the work meets at its next step; a second one ends at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, before)
        say("\nStopping after this step; what was found so far is kept. Ctrl-C again ends at once.")

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def run(task: Task, label: str, stop: Stop) -> bool:
    """Do a task's steps to its end or until a stop is asked for; whether it came to its end.

    Evaluations done of the budget are told on stderr: in place in a terminal, now and then elsewhere.
    """
    live = sys.stderr.isatty()
    started = told = time.monotonic()
    while not task.done and not stop.asked:
        task.advance()
        now = time.monotonic()
        if now - told >= (OFTEN if live else SELDOM) and not task.done:
            told = now
            _tell(task, label, now - started, live)
    if live and told > started:
        sys.stderr.write("\r\033[K")
    return task.done


def _tell(task: Task, label: str, seconds: float, live: bool) -> None:
    line = f"{label}: {task.evaluations}/{task.budget} evaluations, {seconds:.0f} s"
    if live:
        sys.stderr.write(f"\r\033[K{line}")
        sys.stderr.flush()
    else:
        say(line)
