"""Work in small steps, shared fairly between all who want some, done by a few threads of its own."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

from core.errors import InputError
from core.explanation.fairness import FairShare
from core.explanation.job import Job, Work
from core.explanation.task import Task

__all__ = ["Job", "WorkQueue"]

HEAD_START = 1.0  # s: by so much a task that has shown nothing yet goes before others, whoever's it is
CLOSING = 10.0  # s to wait for the steps under way
CRASHED = "This computation failed; the program's log says why. Try it again, or choose other settings."

log = logging.getLogger(__name__)


class WorkQueue:
    """Tasks advance one step at a time, always one of the owner who has used the least time so far.

    So a cheap request is never stuck behind a long one. A task's first step goes HEAD_START seconds earlier, since a
    first estimate is what people wait for; who floods the queue with new tasks soon has used that up. An owner's own
    tasks take turns by the time worked on them. One worker is right where one evaluation uses all processors. A step
    that raises fails its own task alone. `clock` gives seconds (tests bring their own).
    """

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._turn = threading.Condition(threading.RLock())
        self._clock = clock
        self._open: list[Work] = []
        self._share = FairShare()
        self._closed = False
        self._workers = workers
        self._threads: list[threading.Thread] = []

    def submit(self, task: Task, owner: str, lease: float | None = None) -> Job:
        """Queue `task` for `owner`; with a `lease`, s, it pauses when nobody has touched or read it for as long."""
        work = self.prepare(task)
        with self._turn:
            return Job(work, owner, work.want(owner, lease, None))

    def prepare(self, task: Task, asked: int | None = None) -> Work:
        """Take a task on, to be worked at as soon as, and as long as, somebody wants it.

        `asked` is the budget that it was made for, where the task may have lowered it by itself.
        """
        with self._turn:
            if self._closed:
                raise RuntimeError("the queue is closed")
            self._start()
            return Work(task, task.budget if asked is None else asked, self._turn, self._clock, self._reopen)

    def close(self) -> None:
        """End the workers after the steps under way; tasks are left as they are, jobs are stopped."""
        with self._turn:
            self._closed = True
            for work in self._open:
                for interest in work.interests.values():
                    interest.stopped = True
            self._open.clear()
            self._turn.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(CLOSING)
        atexit.unregister(self.close)

    def _start(self) -> None:
        if self._threads:
            return
        atexit.register(self.close)  # a worker must not be inside a library when the interpreter is taken down
        for number in range(self._workers):
            thread = threading.Thread(target=self._serve, name=f"explanation-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _reopen(self, work: Work) -> bool:
        if not self._closed and work not in self._open:
            self._open.append(work)
        return not self._closed

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            owner, work = taken
            started = self._clock()
            fault = _step(work.task)
            self._settle(owner, work, fault, self._clock() - started)

    def _take(self) -> tuple[str, Work] | None:
        with self._turn:
            while not self._closed:
                picked = self._pick()
                if picked is not None:
                    picked[1].holder = threading.get_ident()
                    return picked
                self._turn.wait()
        return None

    def _pick(self) -> tuple[str, Work] | None:
        now = self._clock()
        self._open = [work for work in self._open if work.wanted_by(now)]
        pairs = [(owner, work) for work in self._open for owner in work.wanted_by(now)]
        self._share.admit({owner for owner, _ in pairs})
        ready = [(owner, work) for owner, work in pairs if work.holder is None and not work.readers]
        return min(ready, key=self._place, default=None)

    def _place(self, pair: tuple[str, Work]) -> tuple[float, float]:
        owner, work = pair
        return self._share.used(owner) - (0.0 if work.steps else HEAD_START), work.seconds

    def _settle(self, owner: str, work: Work, fault: str, seconds: float) -> None:
        with self._turn:
            work.holder = None
            work.steps += 1
            work.seconds += seconds
            self._share.charge(owner, seconds)
            try:
                work.evaluations, work.finished = work.task.evaluations, not fault and work.task.done
            except BaseException:
                log.exception("a task cannot say how far it is")
                fault = CRASHED
            work.fault = fault
            self._turn.notify_all()


def _step(task: Task) -> str:
    """Advance a task; return the fault, "" where there is none."""
    try:
        if not task.done:
            task.advance()
    except InputError as error:
        return str(error) or CRASHED
    except BaseException:  # a worker must outlive whatever a task throws
        log.exception("a task failed")
        return CRASHED
    return ""
