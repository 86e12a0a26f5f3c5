"""A reference library at work in a process of its own, which can be watched and stopped, and ends with its owner."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Literal

import core
from core.errors import InputError
from core.explanation.reference.question import LibraryAnswer, Question, read_answer, read_progress
from core.files import read_end

State = Literal["waiting", "running", "done", "failed", "stopped"]
ROOT = Path(core.__file__).parents[1]
MODULE = "core.explanation.reference"
STDERR = "stderr.txt"
LIMIT = 3600.0  # s
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class ReferenceProcess:
    """One question put to its library; many threads may look at it.

    "waiting" until `start`; then "running" until `poll` finds an end: "done" with an `answer`, "failed" with a `fault`,
    or "stopped". Its process is killed by `stop`, after `limit` seconds, when this object is no longer held, and when
    the interpreter ends; should that be killed itself, the process sees its standard input close, and ends.
    """

    def __init__(self, question: Question, limit: float = LIMIT) -> None:
        self.question = question
        self.limit = limit
        self.answer: LibraryAnswer | None = None
        self.fault = ""
        self.refused = False  # whether the fault lies in the question: the library cannot be asked that
        self._state: State = "waiting"
        self._started = self._ended = 0.0
        self._progress = (0, 0)
        self._child: subprocess.Popen[bytes] | None = None
        self._place = Path()
        self._end: weakref.finalize[..., ReferenceProcess] | None = None
        self._lock = threading.RLock()

    @property
    def state(self) -> State:
        """What is known of it since the last `poll`."""
        return self._state

    @property
    def pid(self) -> int:
        """The process's number; 0 before it was started."""
        return 0 if self._child is None else self._child.pid

    @property
    def elapsed(self) -> float:
        """Seconds since the start, the loading of model and library included."""
        if not self._started:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    @property
    def progress(self) -> tuple[int, int]:
        """Pictures that the network was shown, and how many they will be; (0, 0) until it is known."""
        with self._lock:
            if self._state == "running":
                self._progress = read_progress(self._place)
            return self._progress

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1."""
        done, expected = self.progress
        return min(done / expected, 1.0) if expected else 0.0

    def start(self) -> None:
        """Start the process; nothing where it was started or stopped before. InputError where the system refuses."""
        with self._lock:
            if self._state != "waiting":
                return
            self._started = time.monotonic()
            try:
                self._place = Path(tempfile.mkdtemp(prefix="leukolens-reference-"))
                self.question.write(self._place)
                self._child = _spawn(self._place)
            except OSError as error:
                shutil.rmtree(self._place, ignore_errors=True)
                self._finish("failed", f"The reference's process could not be started: {error}.")
                raise InputError(self.fault) from error
            self._state = "running"
            self._end = weakref.finalize(self, _kill, self._child, self._place)

    def poll(self) -> State:
        """Look whether it has ended, kill it where it is over its time, and return its state."""
        with self._lock:
            if self._state != "running" or self._child is None:
                return self._state
            code = self._child.poll()
            if code is None:
                if self.elapsed > self.limit:
                    self._finish("failed", f"It was ended after {self.limit:.0f} s without a result.")
            else:
                self._take(code)
            return self._state

    def stop(self) -> None:
        """Kill the process, or never start it; a result that is there stays."""
        with self._lock:
            if self.poll() in ("waiting", "running"):
                self._finish("stopped", "Stopped.")

    def _take(self, code: int) -> None:
        found = read_answer(self._place)
        if isinstance(found, LibraryAnswer):
            wanted = len(self.question.labels)
            if found.maps.ndim == 3 and len(found.maps) == wanted:
                self.answer = found
                self._finish("done")
                return
        if isinstance(found, str):
            self.refused = True
            self._finish("failed", found)
            return
        words = _last_words(self._place)
        reason = "was killed" if code < 0 else f"ended with code {code}"
        hint = " The system may have run out of memory." if code == -9 else ""
        told = f" Its last words: {words}" if words else ""
        self._finish("failed", f"The reference's process {reason} without a result.{hint}{told}")

    def _finish(self, state: State, fault: str = "") -> None:
        self._state, self.fault, self._ended = state, fault, time.monotonic()
        if self._end is not None:
            self._end()


def _spawn(place: Path) -> subprocess.Popen[bytes]:
    """Start the child; a session of its own keeps a terminal's Ctrl-C from it, which is its owner's to answer."""
    with (place / STDERR).open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, str(place)],
            stdin=subprocess.PIPE,  # never written to: its end tells the child that its owner is gone
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,
        )


def _kill(child: subprocess.Popen[bytes], place: Path) -> None:
    child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
    shutil.rmtree(place, ignore_errors=True)


def _last_words(place: Path, most: int = 400) -> str:
    """The last line that the child wrote to its standard error."""
    data, _ = read_end(place / STDERR, 4000)
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    return "".join(letter for letter in (lines[-1] if lines else "") if letter.isprintable())[-most:]
