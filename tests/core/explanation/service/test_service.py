"""The service: computed once, continued, stopped, private, bounded."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from core.errors import InputError
from core.explanation.method import Estimator, Maps, Method, MethodSettings, Request
from core.explanation.methods.registry import METHODS
from core.explanation.service.scheduler import WorkQueue
from core.explanation.service.service import ExplanationService
from core.models.classifier import Classifier
from core.settings import number_field
from tests.support.tasks import Clock, Fake, Gate, ask_maps

LONG = 20.0


class CountingSettings(MethodSettings):
    budget_name = "samples"

    samples: int = number_field(10, 1, 100_000, "Samples", "How many.")
    shade: int = number_field(0, 0, 9, "Shade", "What to add.")


class Counting(Estimator):
    """Its map says how many steps were done; `started` remembers every one made."""

    started: ClassVar[list[Counting]] = []
    before: object = None

    def __init__(self, request: Request[CountingSettings]) -> None:
        super().__init__(request)
        self.budget = min(self.budget, 5000)
        self.count = 0
        self.ballast = np.zeros(250_000, np.uint8)
        Counting.started.append(self)

    @property
    def evaluations(self) -> int:
        return self.count

    @property
    def nbytes(self) -> int:
        return self.ballast.nbytes

    def advance(self) -> None:
        if self.request.settings.shade == 9 and self.count == 3:
            raise InputError("Shade 9 is too dark.")
        if callable(Counting.before):
            Counting.before(self)
        self.count += 1

    def maps(self) -> Maps:
        return Maps(np.full((5, 7, 7), self.count, np.float32))


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = Method(
        "counting", "Counting", "masks", False, "logit", "none", "none", Counting, CountingSettings, "standard error"
    )
    monkeypatch.setitem(METHODS, "counting", entry)
    Counting.started.clear()
    Counting.before = None
    yield
    Counting.started.clear()


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_what_is_asked_twice_is_computed_once(service: ExplanationService, models: list[Classifier]) -> None:
    jobs = [
        ask_maps(service, models[0], service.context(picture(), owner=owner, private=False), "counting", owner=owner)
        for owner in ("ada", "ben", "ada")
    ]
    for job in jobs:
        assert job.wait(LONG) and job.state == "done"
        found = job.explanation()
        assert found is not None and (found.native == 10).all() and found.complete
    assert len(Counting.started) == 1 and len(service) == 1


def test_whatever_decides_the_map_has_an_entry_of_its_own(
    service: ExplanationService, models: list[Classifier]
) -> None:
    context = service.context(picture(), private=False)
    mask = np.ones((64, 64), bool)
    others = [
        (models[1], context, {}),
        (models[0], service.context(picture(1), private=False), {}),
        (models[0], service.context(picture(), mask, private=False), {}),
        (models[0], context, {"settings": {"shade": 1}}),
        (models[0], context, {"seed": 1}),
        (models[0], context, {"precision": "bfloat16"}),
        (models[0], context, {"owner": "ada", "private": True}),
    ]
    ask_maps(service, models[0], context, "counting", precision="float32")
    for classifier, where, rest in others:
        before = len(service)
        ask_maps(service, classifier, where, "counting", **rest)  # type: ignore[arg-type]
        assert len(service) == before + 1
    ask_maps(service, models[0], context, "counting", precision="auto")
    ask_maps(service, models[0], context, "counting", {"samples": 11})
    assert len(service) == len(others) + 1


def test_a_larger_budget_goes_on_for_all_and_each_is_told_his_own(
    service: ExplanationService, models: list[Classifier]
) -> None:
    context = service.context(picture(), private=False)
    first = ask_maps(service, models[0], context, "counting", {"samples": 10}, owner="ada")
    assert first.wait(LONG)
    second = ask_maps(service, models[0], context, "counting", {"samples": 30}, owner="ben")
    assert second.wait(LONG) and len(Counting.started) == 1
    for job, asked in ((first, 10), (second, 30)):
        found = job.explanation()
        assert found is not None and job.state == "done" and job.budget == asked
        assert (found.native == 30).all() and found.evaluations == 30 and found.complete
        assert found.settings == CountingSettings(samples=30, shade=0), (
            "what the map rests on, so that it can be made again"
        )


def test_the_smaller_budget_is_done_when_the_larger_is_stopped(
    service: ExplanationService, models: list[Classifier]
) -> None:
    gate = Gate()
    Counting.before = lambda task: gate(task) if task.count == 15 else None
    context = service.context(picture(), private=False)
    small = ask_maps(service, models[0], context, "counting", {"samples": 12}, owner="ada")
    large = ask_maps(service, models[0], context, "counting", {"samples": 1000}, owner="ben")
    assert gate.reached.wait(LONG) and small.state == "done" and large.state == "running"
    large.stop()
    gate.opened.set()
    large._work.at_rest()
    assert (small.state, large.state) == ("done", "stopped")
    ask_maps(service, models[0], context, "counting", {"samples": 1000}, owner="ben")
    assert large.state == "stopped", "what its owner stopped stays so when the page is drawn again"
    ask_maps(service, models[0], context, "counting", {"samples": 1001}, owner="ben")
    assert large.wait(LONG) and large.state == "done" and large.evaluations == 1001


def test_a_method_that_needs_less_than_its_budget_says_so(
    service: ExplanationService, models: list[Classifier]
) -> None:
    job = ask_maps(service, models[0], service.context(picture()), "counting", {"samples": 6000})
    assert job.wait(LONG) and job.state == "done" and job.evaluations == job.budget == 5000


def test_what_was_found_so_far_is_one_object_until_there_is_more(
    service: ExplanationService, models: list[Classifier]
) -> None:
    gate = Gate()
    Counting.before = lambda task: gate(task) if task.count == 0 else None
    job = ask_maps(service, models[0], service.context(picture()), "counting")
    assert gate.reached.wait(LONG)
    assert job.explanation() is None and job.state == "waiting"
    gate.opened.set()
    assert job.wait(LONG)
    whole = job.explanation()
    part = job.explanation(["neutrophil", "basophil"])
    assert whole is job.explanation() and part is job.explanation(("neutrophil", "basophil"))
    assert part is not None and part.classes == ("neutrophil", "basophil") and part.values.shape == (2, 120, 120)
    job.resume(20)
    assert job.wait(LONG) and job.explanation() is not whole
    with pytest.raises(InputError, match="no class 'blast'"):
        job.explanation(["blast"])


def test_bad_requests_raise_and_leave_nothing(service: ExplanationService, models: list[Classifier]) -> None:
    context = service.context(picture())
    for name, settings in (("saliency", {}), ("counting", {"samples": 0}), ("counting", {"depth": 1})):
        with pytest.raises(InputError):
            ask_maps(service, models[0], context, name, settings)
    assert len(service) == 0


def test_a_failure_is_told_kept_and_tried_again_on_demand(
    service: ExplanationService, models: list[Classifier]
) -> None:
    context = service.context(picture(), private=False)
    job = ask_maps(service, models[0], context, "counting", {"shade": 9}, owner="ada")
    assert job.wait(LONG) and (job.state, job.fault) == ("failed", "Shade 9 is too dark.")
    assert job.explanation() is None
    again = ask_maps(service, models[0], context, "counting", {"shade": 9}, owner="ada")
    assert again.state == "failed" and len(Counting.started) == 1
    assert ask_maps(service, models[0], context, "counting", owner="ada").wait(LONG)


def test_private_results_are_the_owners_alone_and_are_forgotten(
    service: ExplanationService, models: list[Classifier]
) -> None:
    contexts = {owner: service.context(picture(), owner=owner) for owner in ("ada", "ben")}
    assert contexts["ada"] is not contexts["ben"] and contexts["ada"] is service.context(picture(), owner="ada")
    for owner, context in contexts.items():
        assert ask_maps(service, models[0], context, "counting", owner=owner).wait(LONG)
    assert len(Counting.started) == 2, "a private scene makes its requests private"
    public = ask_maps(service, models[0], service.context(picture(), private=False), "counting", owner="ada")
    assert public.wait(LONG)
    task = service.run("worth", lambda: Fake("worth", 1), "ada", private=True)
    assert task.wait(LONG) and len(service) == 4
    kept = weakref.ref(Counting.started[0])
    ghost = weakref.ref(contexts.pop("ada"))
    context = None
    Counting.started.clear()
    service.forget("ada")
    del task
    gc.collect()
    assert kept() is None and ghost() is None
    assert len(service) == 2
    assert ask_maps(service, models[0], contexts["ben"], "counting", owner="ben").state == "done"
    assert public.state == "done"


def test_forgetting_stops_the_owners_jobs_and_no_others(service: ExplanationService, models: list[Classifier]) -> None:
    gate = Gate()
    Counting.before = gate
    context = service.context(picture(), private=False)
    ada = ask_maps(service, models[0], context, "counting", {"samples": 3000}, owner="ada")
    assert gate.reached.wait(LONG)
    ben = ask_maps(service, models[0], context, "counting", {"samples": 40}, owner="ben")
    service.forget("ada")
    gate.opened.set()
    assert ben.wait(LONG) and ben.state == "done" and ada.state == "stopped"
    assert 40 <= Counting.started[0].count < 3000


def test_the_cache_stays_within_its_bounds(models: list[Classifier]) -> None:
    service = ExplanationService(most_entries=6, most_contexts=3, most_bytes=10**9)
    for number in range(12):
        context = service.context(picture(number), private=False)
        for seed in range(4):
            assert ask_maps(service, models[0], context, "counting", seed=seed).wait(LONG)
        assert len(service) <= 6 and len(service._cache.pictures) <= 3
    assert ask_maps(service, models[0], service.context(picture(11), private=False), "counting", seed=3).state == "done"
    service.close()


def test_bytes_are_bounded_and_counted(models: list[Classifier]) -> None:
    service = ExplanationService(most_bytes=2_000_000)
    for number in range(30):
        assert ask_maps(service, models[0], service.context(picture(number), private=False), "counting").wait(LONG)
    assert service.bytes <= 2_000_000 + 300_000 and 3 <= len(service) <= 8
    service.close()


def test_what_is_under_way_is_not_dropped(models: list[Classifier]) -> None:
    service = ExplanationService(most_entries=2, most_contexts=2)
    gate = Gate()
    Counting.before = gate
    context = service.context(picture(), private=False)
    job = ask_maps(service, models[0], context, "counting", {"samples": 50}, owner="ada")
    assert gate.reached.wait(LONG)
    Counting.before = None
    others = [
        ask_maps(service, models[0], service.context(picture(n), private=False), "counting", owner="ben")
        for n in range(1, 6)
    ]
    gate.opened.set()
    again = ask_maps(service, models[0], service.context(picture(), private=False), "counting", owner="ada")
    assert again._work is job._work and job.wait(LONG) and all(other.wait(LONG) for other in others)
    service.close()


def test_leases_pause_what_nobody_looks_at(models: list[Classifier]) -> None:
    clock = Clock()

    def tick(task: Counting) -> None:
        clock.now += 1

    Counting.before = tick
    service = ExplanationService(WorkQueue(clock=clock))
    context = service.context(picture(), private=False)
    job = ask_maps(service, models[0], context, "counting", {"samples": 100}, owner="ada", lease=4.0)
    assert service.run("other", lambda: Fake("other", 40, clock=clock), "ben").wait(LONG)
    assert job.state == "stopped" and 0 < job.evaluations < 8
    renewed = ask_maps(service, models[0], context, "counting", {"samples": 100}, owner="ada", lease=None)
    assert renewed.wait(LONG) and job.state == "done" and len(Counting.started) == 1
    service.close()


def test_many_threads_asking_for_one_thing_share_it(service: ExplanationService, models: list[Classifier]) -> None:
    barrier = threading.Barrier(16)

    def ask(number: int) -> float:
        barrier.wait()
        context = service.context(picture(), private=False)
        job = ask_maps(service, models[0], context, "counting", {"samples": 200}, owner=f"owner {number}")
        assert job.wait(LONG)
        found = job.explanation()
        assert found is not None
        return float(found.native.mean())

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {200.0}
    assert len(service) == 1 and sum(task.count for task in Counting.started) == 200
