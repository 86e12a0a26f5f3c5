"""Work in small steps, shared fairly between all who want some, done by a few threads of its own. Jobs first, then who
is next (start-time fair queueing: Goyal, Vin & Cheng 1996), then the queue."""

from __future__ import annotations

import atexit
import logging
import math
import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import InputError
from core.explanation.task import Task

T = TypeVar("T")
ENDED = ("done", "stopped", "failed")
MANY = 64  # interests in one task, from which on those that ended are forgotten
HEAD_START = 1.0  # s: by so much a task that has shown nothing yet goes before others, whoever's it is
CLOSING = 10.0  # s to wait for the steps under way
CRASHED = "This computation failed; the program's log says why. Try it again, or choose other settings."
log = logging.getLogger(__name__)


@dataclass
class Interest:
    """What one owner wants of a task: evaluations up to `wanted`, until `deadline` unless renewed or stopped.

    `waiting` counts the owner's threads that wait for the end; meanwhile the lease does not run out.
    """

    lease: float | None
    wanted: int
    deadline: float = math.inf
    stopped: bool = False
    waiting: int = 0

    def renew(self, now: float) -> None:
        """Start the lease anew."""
        self.deadline = math.inf if self.lease is None else now + self.lease

    def live(self, now: float) -> bool:
        """Whether the owner still asks for it."""
        return not self.stopped and (self.waiting > 0 or now < self.deadline)


class SharedTask:
    """A task and the interests in it. `condition`, the queue's lock, guards all fields; `holder` uses `task`.

    The task is advanced or read by one thread at a time, its `holder`; readers that wait go before the next step.
    `asked` is the most that anybody wanted of it.
    """

    def __init__(
        self,
        task: Task,
        asked: int,
        condition: threading.Condition,
        clock: Callable[[], float],
        reopen: Callable[[SharedTask], bool],
    ) -> None:
        self.task = task
        self.asked = asked
        self.condition = condition
        self.clock = clock
        self.interests: dict[str, Interest] = {}
        self.seconds = 0.0
        self.steps = 0
        self.evaluations = 0
        self.finished = False
        self.fault = ""
        self.holder: int | None = None
        self.readers = 0
        self._reopen = reopen

    def wanted_by(self, now: float) -> list[str]:
        """The owners for whom another step should be done."""
        if self.finished or self.fault:
            return []
        return [owner for owner, one in self.interests.items() if one.live(now) and not self.satisfies(one)]

    def satisfies(self, interest: Interest) -> bool:
        """Whether an owner who asked for less than others has what he asked for."""
        return self.finished or (interest.wanted < self.asked and self.evaluations >= interest.wanted)

    def want(self, owner: str, lease: float | None, budget: int | None) -> Interest:
        """Enter or renew an owner's interest; a budget above his last continues what he stopped.

        What has failed is tried again for an owner who had not asked before.
        """
        known = self.interests.get(owner)
        if known is None:
            self._drop_the_dead()
            known = self.interests[owner] = Interest(lease, self.asked if budget is None else budget)
            self.fault = ""
        known.lease = lease
        if budget is not None:
            known.stopped &= budget <= known.wanted
            known.wanted = budget
        self.go_on(known)
        return known

    def go_on(self, interest: Interest) -> None:
        """Renew an interest, raise the task's budget to what is wanted, and queue the task again."""
        if interest.wanted > self.asked:
            self.asked = self.task.budget = interest.wanted
            self.finished = False
        interest.renew(self.clock())
        interest.stopped |= not self._reopen(self)
        self.condition.notify_all()

    def leave(self, owner: str) -> None:
        """End an owner's interest, if there is one; who asks again starts afresh."""
        with self.condition:
            gone = self.interests.pop(owner, None)
            if gone is not None:
                gone.stopped = True
                self.condition.notify_all()

    def _drop_the_dead(self) -> None:
        if len(self.interests) >= MANY:
            now = self.clock()
            self.interests = {owner: one for owner, one in self.interests.items() if one.live(now)}

    def at_rest(self) -> bool:
        """Whether nobody is waiting for it or at work on it."""
        with self.condition:
            return self.holder is None and not self.readers and not self.wanted_by(self.clock())


class JobHandle:
    """One owner's hold on a task that others may share: follow it, stop it, continue it, read it. Thread-safe.

    Stopping, and letting the lease run out, ends this owner's interest alone: the task goes on while another has any.
    """

    def __init__(self, work: SharedTask, owner: str, interest: Interest) -> None:
        self._work = work
        self._own = interest
        self.owner = owner

    @property
    def _interest(self) -> Interest:
        return self._work.interests.setdefault(self.owner, self._own)

    @property
    def state(self) -> str:
        """One of "waiting" (no step done yet), "running", "done", "stopped" (or the lease ran out) and "failed"."""
        work = self._work
        with work.condition:
            interest = self._interest
            if work.fault:
                return "failed"
            if work.satisfies(interest):
                return "done"
            if not interest.live(work.clock()):
                return "stopped"
            return "running" if work.steps else "waiting"

    @property
    def fault(self) -> str:
        """Why it failed, in a sentence for the reader; "" where it did not."""
        return self._work.fault

    @property
    def seconds(self) -> float:
        """Time worked on it, s, for all who share it."""
        return self._work.seconds

    @property
    def evaluations(self) -> int:
        """Model evaluations that the result so far rests on."""
        return self._work.evaluations

    @property
    def budget(self) -> int:
        """The evaluations to be made for this owner; may be less than he asked for, where there is no more to learn."""
        work = self._work
        with work.condition:
            wanted = self._interest.wanted
            return work.task.budget if wanted >= work.asked else wanted

    def stop(self) -> None:
        """End this owner's interest; what was found stays. A step under way is finished."""
        with self._work.condition:
            self._interest.stopped = True
            self._work.condition.notify_all()

    def resume(self, budget: int | None = None) -> None:
        """Continue what was stopped, has failed, or with a larger `budget` what was done."""
        with self._work.condition:
            interest = self._interest
            interest.stopped = False
            interest.wanted = max(interest.wanted, budget or 0)
            self._work.fault = ""
            self._work.go_on(interest)

    def touch(self) -> None:
        """Renew the lease; one that ran out is continued, what was stopped is not."""
        with self._work.condition:
            self._work.go_on(self._interest)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is done, stopped or failed; False after `timeout` s. The lease is renewed meanwhile."""
        work = self._work
        with work.condition:
            interest = self._interest
            interest.waiting += 1
            try:
                self.touch()
                return work.condition.wait_for(lambda: self.state in ENDED, timeout)
            finally:
                interest.waiting -= 1
                interest.renew(work.clock())

    def read(self, reader: Callable[[Any], T]) -> T:
        """Return what `reader` makes of the task, between two steps; renews the lease. It may raise what it likes."""
        work = self._work
        me = threading.get_ident()
        self.touch()
        with work.condition:
            if work.holder == me:
                return reader(work.task)
            work.readers += 1
            try:
                work.condition.wait_for(lambda: work.holder is None)
                work.holder = me
            finally:
                work.readers -= 1
                work.condition.notify_all()
        try:
            return reader(work.task)
        finally:
            with work.condition:
                work.holder = None
                work.condition.notify_all()


class FairShare:
    """Seconds of work charged to each owner, counted so that nobody gains by having been idle.

    An owner who comes, or comes back, starts at the least that any present one has used, or at his own where that is
    more: absence earns no credit, and leaving does not wipe out what was used. Not thread-safe.
    """

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._present: Set[str] = frozenset()
        self._floor = 0.0

    def admit(self, present: Set[str]) -> None:
        """Say who wants work now. Those gone whom the others have caught up with are forgotten."""
        staying = [self._used[owner] for owner in present & self._present]
        reached = min(staying, default=0.0) if present else max(self._used.values(), default=0.0)
        self._floor = max(self._floor, reached)
        for owner in present - self._present:
            self._used[owner] = max(self._used.get(owner, 0.0), self._floor)
        self._used = {owner: used for owner, used in self._used.items() if owner in present or used > self._floor}
        self._present = frozenset(present)

    def charge(self, owner: str, seconds: float) -> None:
        """Add to what `owner` has used."""
        self._used[owner] = self._used.get(owner, self._floor) + seconds

    def used(self, owner: str) -> float:
        """What counts as used by `owner`, s; the least is served first."""
        return self._used.get(owner, self._floor)

    def __len__(self) -> int:
        """How many owners are remembered."""
        return len(self._used)


__all__ = ["JobHandle", "WorkQueue"]


class WorkQueue:
    """Tasks advance one step at a time, always one of the owner who has used the least time so far.

    So a cheap request is never stuck behind a long one. A task's first step goes HEAD_START seconds earlier, since a
    first estimate is what people wait for; who floods the queue with new tasks soon has used that up. An owner's own
    tasks take turns by the time worked on them. One worker is right where one evaluation uses all processors. A step
    that raises fails its own task alone. `clock` gives seconds (tests bring their own).
    """

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._clock = clock
        self._open: list[SharedTask] = []
        self._share = FairShare()
        self._closed = False
        self._workers = workers
        self._threads: list[threading.Thread] = []

    def submit(self, task: Task, owner: str, lease: float | None = None) -> JobHandle:
        """Queue `task` for `owner`; with a `lease`, s, it pauses when nobody has touched or read it for as long."""
        work = self.prepare(task)
        with self._condition:
            return JobHandle(work, owner, work.want(owner, lease, None))

    def prepare(self, task: Task, asked: int | None = None) -> SharedTask:
        """Take a task on, to be worked at as soon as, and as long as, somebody wants it.

        `asked` is the budget that it was made for, where the task may have lowered it by itself.
        """
        with self._condition:
            if self._closed:
                raise RuntimeError("the queue is closed")
            self._start()
            return SharedTask(task, task.budget if asked is None else asked, self._condition, self._clock, self._reopen)

    def close(self) -> None:
        """End the workers after the steps under way; tasks are left as they are, jobs are stopped."""
        with self._condition:
            self._closed = True
            for work in self._open:
                for interest in work.interests.values():
                    interest.stopped = True
            self._open.clear()
            self._condition.notify_all()
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

    def _reopen(self, work: SharedTask) -> bool:
        if not self._closed and work not in self._open:
            self._open.append(work)
        return not self._closed

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            owner, work = taken
            started = self._clock()
            fault = _step(work.task)
            self._settle(owner, work, fault, self._clock() - started)

    def _take(self) -> tuple[str, SharedTask] | None:
        with self._condition:
            while not self._closed:
                picked = self._pick()
                if picked is not None:
                    picked[1].holder = threading.get_ident()
                    return picked
                self._condition.wait()
        return None

    def _pick(self) -> tuple[str, SharedTask] | None:
        now = self._clock()
        self._open = [work for work in self._open if work.wanted_by(now)]
        pairs = [(owner, work) for work in self._open for owner in work.wanted_by(now)]
        self._share.admit({owner for owner, _ in pairs})
        ready = [(owner, work) for owner, work in pairs if work.holder is None and not work.readers]
        return min(ready, key=self._place, default=None)

    def _place(self, pair: tuple[str, SharedTask]) -> tuple[float, float]:
        owner, work = pair
        return self._share.used(owner) - (0.0 if work.steps else HEAD_START), work.seconds

    def _settle(self, owner: str, work: SharedTask, fault: str, seconds: float) -> None:
        with self._condition:
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
            self._condition.notify_all()


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
