"""Where reference processes of many sessions wait for their turn, so that one at a time takes a server's processor."""

from __future__ import annotations

import threading
import time
import weakref

from core.errors import InputError
from core.explanation.reference.process import ReferenceProcess

LOOK = 0.3  # s between two looks at those that run


class ReferenceLine:
    """At most `most` processes run; the others wait in the order they came.

    Who wants a result says so by `look` at least every `lease` seconds: what nobody looks at is stopped, so that a
    closed browser's work ends and holds nobody up. The line itself holds no process: one that is dropped leaves it.
    """

    def __init__(self, most: int = 1, lease: float = 20.0) -> None:
        self._most = most
        self._lease = lease
        self._line: list[weakref.ref[ReferenceProcess]] = []  # running ones and those that wait, in order
        self._seen: weakref.WeakKeyDictionary[ReferenceProcess, float] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None

    def join(self, process: ReferenceProcess) -> None:
        """Put a process that waits at the end of the line; it is started when its turn comes."""
        with self._lock:
            self._seen[process] = time.monotonic()
            self._line.append(weakref.ref(process))
            self._advance()
            if self._keeper is None or not self._keeper.is_alive():
                self._keeper = threading.Thread(target=self._keep, name="references", daemon=True)
                self._keeper.start()

    def look(self, process: ReferenceProcess) -> int:
        """Say that its result is still wanted, and return how many are before it; 0 where it runs or has ended."""
        with self._lock:
            if process in self._seen:
                self._seen[process] = time.monotonic()
            self._advance()
            there = self._there()
            place = there.index(process) if process in there else 0
            return max(place - self._most + 1, 0)

    def close(self) -> None:
        """Stop them all."""
        with self._lock:
            for process in self._there():
                process.stop()
            self._line = []

    def _there(self) -> list[ReferenceProcess]:
        found = (held() for held in self._line)
        return [process for process in found if process is not None and process.state in ("waiting", "running")]

    def _advance(self) -> None:
        """Take out who has ended, stop whom nobody looks at, and start whose turn it is."""
        now = time.monotonic()
        for process in self._there():
            process.poll()
            if now - self._seen.get(process, now) > self._lease:
                process.stop()
        there = self._there()
        for process in there[: self._most]:
            try:
                process.start()
            except InputError:
                continue  # it has failed, and says why
        self._line = [weakref.ref(process) for process in there]

    def _keep(self) -> None:
        while True:
            time.sleep(LOOK)
            with self._lock:
                self._advance()
                if not self._there():
                    self._keeper = None
                    return
