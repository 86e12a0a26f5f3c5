"""A task in the queue, and one owner's hold on it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from core.explanation.task import Task

T = TypeVar("T")
ENDED = ("done", "stopped", "failed")
MANY = 64  # interests in one task, from which on those that ended are forgotten


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


class Work:
    """A task and the interests in it. All fields are guarded by `turn`, the queue's lock; `task` is used by `holder`.

    The task is advanced or read by one thread at a time, its `holder`; readers that wait go before the next step.
    `asked` is the most that anybody wanted of it.
    """

    def __init__(
        self,
        task: Task,
        asked: int,
        turn: threading.Condition,
        clock: Callable[[], float],
        reopen: Callable[[Work], bool],
    ) -> None:
        self.task = task
        self.asked = asked
        self.turn = turn
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
        self.turn.notify_all()

    def leave(self, owner: str) -> None:
        """End an owner's interest, if there is one; who asks again starts afresh."""
        with self.turn:
            gone = self.interests.pop(owner, None)
            if gone is not None:
                gone.stopped = True
                self.turn.notify_all()

    def _drop_the_dead(self) -> None:
        if len(self.interests) >= MANY:
            now = self.clock()
            self.interests = {owner: one for owner, one in self.interests.items() if one.live(now)}

    def at_rest(self) -> bool:
        """Whether nobody is waiting for it or at work on it."""
        with self.turn:
            return self.holder is None and not self.readers and not self.wanted_by(self.clock())


class Job:
    """One owner's hold on a task that others may share: follow it, stop it, continue it, read it. Thread-safe.

    Stopping, and letting the lease run out, ends this owner's interest alone: the task goes on while another has any.
    """

    def __init__(self, work: Work, owner: str, interest: Interest) -> None:
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
        with work.turn:
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
        with work.turn:
            wanted = self._interest.wanted
            return work.task.budget if wanted >= work.asked else wanted

    def stop(self) -> None:
        """End this owner's interest; what was found stays. A step under way is finished."""
        with self._work.turn:
            self._interest.stopped = True
            self._work.turn.notify_all()

    def resume(self, budget: int | None = None) -> None:
        """Continue what was stopped, has failed, or with a larger `budget` what was done."""
        with self._work.turn:
            interest = self._interest
            interest.stopped = False
            interest.wanted = max(interest.wanted, budget or 0)
            self._work.fault = ""
            self._work.go_on(interest)

    def touch(self) -> None:
        """Renew the lease; one that ran out is continued, what was stopped is not."""
        with self._work.turn:
            self._work.go_on(self._interest)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is done, stopped or failed; False after `timeout` s. The lease is renewed meanwhile."""
        work = self._work
        with work.turn:
            interest = self._interest
            interest.waiting += 1
            try:
                self.touch()
                return work.turn.wait_for(lambda: self.state in ENDED, timeout)
            finally:
                interest.waiting -= 1
                interest.renew(work.clock())

    def read(self, reader: Callable[[Any], T]) -> T:
        """Return what `reader` makes of the task, between two steps; renews the lease. It may raise what it likes."""
        work = self._work
        me = threading.get_ident()
        self.touch()
        with work.turn:
            if work.holder == me:
                return reader(work.task)
            work.readers += 1
            try:
                work.turn.wait_for(lambda: work.holder is None)
                work.holder = me
            finally:
                work.readers -= 1
                work.turn.notify_all()
        try:
            return reader(work.task)
        finally:
            with work.turn:
                work.holder = None
                work.turn.notify_all()
