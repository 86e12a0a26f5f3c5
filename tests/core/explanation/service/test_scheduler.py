"""The queue: fair turns by a clock driven by hand, pauses, faults and ends."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from core.errors import InputError
from core.explanation.service.scheduler import CRASHED, FairShare, JobHandle, WorkQueue
from tests.support.tasks import Clock, Fake, Gate

LONG = 20.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Iterator[WorkQueue]:
    queue = WorkQueue(clock=clock)
    yield queue
    queue.close()


def held(queue: WorkQueue) -> tuple[Gate, JobHandle]:
    """Keep the worker busy, so that what is submitted now is seen by it all at once."""
    gate = Gate()
    job = queue.submit(Fake("gate", 1, before=gate, cost=0), "gatekeeper")
    assert gate.reached.wait(LONG)
    return gate, job


def ended(*jobs: JobHandle) -> list[str]:
    for job in jobs:
        assert job.wait(LONG), f"{job.owner}: {job.state}"
    return [job.state for job in jobs]


def test_a_cheap_request_is_not_stuck_behind_a_long_one(queue: WorkQueue, clock: Clock) -> None:
    log: list[str] = []
    gate, _ = held(queue)
    long = queue.submit(Fake("long", 300, log, clock), "ada")
    cheap = queue.submit(Fake("cheap", 3, log, clock), "ben")
    gate.opened.set()
    assert ended(cheap, long) == ["done", "done"]
    assert max(place for place, name in enumerate(log) if name == "cheap") <= 6


def test_owners_get_equal_time_whatever_their_steps_cost_and_however_many_jobs_they_have(
    queue: WorkQueue, clock: Clock
) -> None:
    log: list[str] = []
    gate, _ = held(queue)
    jobs = [queue.submit(Fake("slow", 50, log, clock, cost=3.0), "ada")]
    jobs += [queue.submit(Fake("quick", 50, log, clock, cost=1.0), "ben") for _ in range(3)]
    gate.opened.set()
    ended(*jobs)
    for length in range(20, 180, 10):
        counts = Counter(log[:length])
        assert abs(3.0 * counts["slow"] - counts["quick"]) <= 3.0 + 1.0


def test_an_owners_own_jobs_take_turns_by_time(queue: WorkQueue, clock: Clock) -> None:
    log: list[str] = []
    gate, _ = held(queue)
    jobs = [queue.submit(Fake(name, 40, log, clock, cost), "ada") for name, cost in (("a", 2.0), ("b", 1.0))]
    gate.opened.set()
    ended(*jobs)
    counts = Counter(log[:45])
    assert abs(2 * counts["a"] - counts["b"]) <= 3


def test_new_tasks_show_something_first_but_a_flood_of_them_does_not_starve_others(
    queue: WorkQueue, clock: Clock
) -> None:
    log: list[str] = []
    gate, _ = held(queue)
    jobs = [queue.submit(Fake("old", 100, log, clock, cost=0.25), "ada")]
    jobs += [queue.submit(Fake("new", 2, log, clock, cost=0.25), "ben") for _ in range(50)]
    gate.opened.set()
    ended(*jobs)
    assert Counter(log[:6])["new"] >= 4
    assert 40 <= Counter(log[:100])["old"] <= 52


def test_idle_time_earns_no_credit_and_a_newcomer_waits_for_nobody() -> None:
    share = FairShare()
    share.admit({"ada", "ben"})
    for _ in range(100):
        share.charge(min(("ada", "ben"), key=share.used), 1.0)
    share.admit({"ada", "ben", "carl"})
    assert share.used("carl") == min(share.used("ada"), share.used("ben")) == 50
    share.charge("carl", 30.0)
    share.admit({"ada", "ben"})
    share.admit({"ada", "ben", "carl"})
    assert share.used("carl") == 80, "leaving and coming back wipes nothing out"


def test_owners_who_are_gone_are_forgotten() -> None:
    share = FairShare()
    for number in range(1000):
        share.admit({f"owner {number}"})
        share.charge(f"owner {number}", 1.0)
        share.admit(set())
    assert len(share) <= 1


def test_stopping_keeps_what_is_there_and_resuming_goes_on(queue: WorkQueue) -> None:
    gate = Gate()
    task = Fake("task", 10, before=lambda task: gate(task) if task.evaluations == 3 else None)
    job = queue.submit(task, "ada")
    assert gate.reached.wait(LONG)
    job.stop()
    gate.opened.set()
    assert ended(job) == ["stopped"]
    assert job.read(lambda seen: seen.evaluations) == 4 and job.state == "stopped"
    job.resume()
    assert ended(job) == ["done"] and job.evaluations == 10
    job.resume(budget=25)
    assert ended(job) == ["done"] and (job.evaluations, job.budget) == (25, 25)


def test_a_job_pauses_when_nobody_asks_for_it_any_more_and_goes_on_when_somebody_does(
    queue: WorkQueue, clock: Clock
) -> None:
    task = Fake("task", 1000, clock=clock, cost=1.0)
    job = queue.submit(task, "ada", lease=5.0)
    other = queue.submit(Fake("other", 20, clock=clock, cost=1.0), "ben")
    ended(other)
    assert job.state == "stopped" and 1 <= task.evaluations <= 6
    seen = task.evaluations
    job.touch()
    ended(queue.submit(Fake("more", 20, clock=clock, cost=1.0), "ben"))
    assert seen < task.evaluations <= seen + 6 and job.state == "stopped"
    job.resume()
    assert job.state == "running"


def test_waiting_and_reading_are_signs_of_interest(queue: WorkQueue, clock: Clock) -> None:
    job = queue.submit(Fake("task", 30, clock=clock, cost=1.0), "ada", lease=2.5)
    assert ended(job) == ["done"] and job.evaluations == 30
    job = queue.submit(Fake("task", 10, clock=clock, cost=1.0), "ada", lease=2.5)
    while job.state != "done":
        job.read(lambda task: task.evaluations)
    assert job.evaluations == 10


@pytest.mark.parametrize(
    ("error", "told"),
    [(InputError("No such stain. Choose another."), "No such stain. Choose another."), (RuntimeError("0x7f"), CRASHED)]
    + [(kind(), CRASHED) for kind in (MemoryError, SystemExit, KeyboardInterrupt)],
)
def test_a_task_that_fails_takes_nothing_with_it(queue: WorkQueue, error: BaseException, told: str) -> None:
    broken = [True]

    def fail(task: Fake) -> None:
        if task.evaluations == 2 and broken[0]:
            raise error

    job = queue.submit(Fake("bad", 5, before=fail), "ada")
    good = queue.submit(Fake("good", 5), "ada")
    assert ended(job, good) == ["failed", "done"]
    assert job.fault == told and job.evaluations == 2
    assert job.read(lambda task: task.evaluations) == 2
    broken[0] = False
    job.resume()
    assert ended(job) == ["done"] and job.fault == ""


def test_a_task_that_cannot_even_say_how_far_it_is_fails_alone(queue: WorkQueue) -> None:
    class Mute(Fake):
        done = property(lambda self: 1 // 0)  # type: ignore[assignment]

    assert ended(queue.submit(Mute("mute", 5), "ada"), queue.submit(Fake("good", 5), "ada")) == ["failed", "done"]


def test_a_reader_that_is_interrupted_poisons_nothing(queue: WorkQueue) -> None:
    class Interrupted(BaseException):
        pass

    def reader(task: Fake) -> None:
        raise Interrupted

    job = queue.submit(Fake("task", 400), "ada")
    for _ in range(20):
        with pytest.raises(Interrupted):
            job.read(reader)
    assert ended(job) == ["done"]


def test_readers_never_meet_a_step_and_may_read_while_reading(queue: WorkQueue) -> None:
    job = queue.submit(Fake("task", 3000), "ada")
    meetings: list[bool] = []

    def look() -> None:
        for _ in range(100):
            meetings.append(job.read(lambda task: job.read(lambda again: again.inside)))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert meetings == [False] * 800 and ended(job) == ["done"]


def test_a_reader_comes_before_the_next_step(queue: WorkQueue) -> None:
    gate = Gate()
    job = queue.submit(Fake("task", 1000, before=gate), "ada")
    assert gate.reached.wait(LONG)
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(job.read(lambda task: task.evaluations)))
    reader.start()
    while not job._work.readers:
        pass
    gate.opened.set()
    reader.join(LONG)
    assert seen == [1]


def test_several_workers_never_advance_one_task_at_once(clock: Clock) -> None:
    queue = WorkQueue(workers=4, clock=clock)
    jobs = [queue.submit(Fake(f"task {n}", 200), f"owner {n % 2}") for n in range(5)]
    assert ended(*jobs) == ["done"] * 5
    assert [job.evaluations for job in jobs] == [200] * 5
    queue.close()


def test_closing_stops_jobs_and_frees_who_waits(queue: WorkQueue) -> None:
    gate, _ = held(queue)
    job = queue.submit(Fake("task", 10), "ada")
    waiting = threading.Thread(target=job.wait, daemon=True)
    waiting.start()
    closing = threading.Thread(target=queue.close, daemon=True)
    closing.start()
    gate.opened.set()
    waiting.join(LONG)
    closing.join(LONG)
    assert not waiting.is_alive() and not closing.is_alive()
    assert job.state == "stopped" and job.read(lambda task: task.evaluations) == 0
    job.touch()
    job.resume()
    assert job.state == "stopped"
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(Fake("late", 1), "ada")
    assert not any(thread.is_alive() for thread in queue._threads)


def test_waiting_has_an_end() -> None:
    queue = WorkQueue()
    gate, job = held(queue)
    assert job.wait(0.01) is False and job.state == "waiting"
    gate.opened.set()
    assert job.wait() is True and job.state == "done"
    queue.close()
