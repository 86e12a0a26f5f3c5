"""Sixteen threads, fifty maps each, every method: right, clean, bounded, and nothing locked by what was cut short."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.explanation.engine import explain
from core.explanation.method import Estimator, Maps, Method, Value, budget_of
from core.explanation.methods.registry import METHODS
from core.explanation.service.service import ExplanationService
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.simulation import gallery
from tests.dashboard.tiny import make_model

THREADS = 16
EACH = 50
BUDGET = 10
PICTURES = 3
MOST = 60  # results kept: fewer than there are, so that some are dropped and made again
LONG = 60.0
Case = tuple[int, int, str, int]  # model, picture, method, seed


class Crashing(Estimator):
    """Fails at its third step, and at every one after."""

    evaluations = 0
    nbytes = 0

    def advance(self) -> None:
        self.evaluations += 1
        if self.evaluations >= 3:
            raise RuntimeError("out of order")

    def maps(self) -> Maps:
        return Maps(np.zeros((5, 7, 7), np.float32))


CRASHING = Method("crashing", "Crashing", "masks", False, "logit", "none", "none", lambda r, b: Crashing(r, 10))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Classifier]:
    root = tmp_path_factory.mktemp("models")
    for seed in range(2):
        make_model(root, f"model-{seed}", seed)
    return [lively(load_classifier(root / f"model-{seed}")) for seed in range(2)]


def lively(classifier: Classifier) -> Classifier:
    """Scale weights up, so that what hiding a part changes stands well above rounding."""
    with torch.no_grad():
        for layer in classifier.network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.weight.mul_(1.5)
    return classifier


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return [cell.cell().image[::2, ::2].copy() for cell in gallery()[:PICTURES]]


@pytest.fixture(scope="module")
def serial(models: list[Classifier], pictures: list[NDArray[np.uint8]]) -> dict[Case, NDArray[np.float32]]:
    """Every case's map computed alone, on a picture that nothing is remembered of."""
    return {
        case: explain(
            models[case[0]], pictures[case[1]], [case[2]], None, {case[2]: little(case[2])}, case[3], "float32"
        )[case[2]].native
        for case in cases()
    }


@pytest.fixture
def service() -> Iterator[ExplanationService]:
    service = ExplanationService(most_entries=MOST, most_contexts=PICTURES)
    yield service
    service.close()


def cases() -> list[Case]:
    return list(product(range(2), range(PICTURES), METHODS, range(1)))


def little(name: str) -> dict[str, Value]:
    control = budget_of(METHODS[name].controls)
    return {} if control is None else {control.name: max(int(control.low), BUDGET)}


def ask(
    service: ExplanationService, models: list[Classifier], pictures: list[NDArray[np.uint8]], case: Case, owner: str
) -> NDArray[np.float32]:
    model, picture, name, seed = case
    context = service.context(pictures[picture], owner=owner, private=False)
    job = service.request(models[model], context, name, little(name), seed, "float32", owner)
    assert job.wait(LONG) and job.state == "done", (case, job.state, job.fault)
    found = job.explanation()
    assert found is not None
    return found.native


def storm(
    service: ExplanationService, models: list[Classifier], pictures: list[NDArray[np.uint8]]
) -> list[tuple[Case, NDArray[np.float32]]]:
    every = cases()

    def thread(number: int) -> list[tuple[Case, NDArray[np.float32]]]:
        chosen = np.random.default_rng([7, number]).permutation(len(every))[:EACH]
        return [(every[n], ask(service, models, pictures, every[n], f"owner {number}")) for n in chosen]

    with ThreadPoolExecutor(THREADS) as pool:
        return [answer for answers in pool.map(thread, range(THREADS)) for answer in answers]


def resident() -> int:
    """Resident memory, MB, without what is free but still kept for each thread; 0 where the system does not tell."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc alone
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    if not Path("/proc/self/statm").exists():
        return 0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def tensors() -> int:
    gc.collect()
    return sum(type(thing) is torch.Tensor for thing in gc.get_objects())


def test_every_map_equals_its_serial_twin_memory_stays_flat_and_nothing_is_left_behind(
    service: ExplanationService,
    models: list[Classifier],
    pictures: list[NDArray[np.uint8]],
    serial: dict[Case, NDArray[np.float32]],
) -> None:
    answers = storm(service, models, pictures)
    before = resident(), tensors()
    answers += storm(service, models, pictures)
    after = resident(), tensors()
    assert len(answers) == 2 * THREADS * EACH
    assert {case: off for case, found in answers if (off := distance(found, serial[case])) > 1e-5} == {}
    assert after[0] - before[0] < 60, "MB of resident memory"
    assert after[1] - before[1] < 100, "tensors"
    assert len(service) <= MOST
    for model in models:
        for network in (model.network, *model._inference_copies.values()):
            check_untouched(network)


def distance(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Largest difference as a share of the largest value."""
    return float(np.abs(found - wanted).max()) / (float(np.abs(wanted).max()) or 1.0)


def check_untouched(network: torch.nn.Module) -> None:
    for module in network.modules():
        assert not any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
        assert not (module.training and isinstance(module, torch.nn.Dropout | torch.nn.BatchNorm2d))
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())


def test_what_is_cancelled_or_crashes_leaves_nothing_locked(
    service: ExplanationService,
    models: list[Classifier],
    pictures: list[NDArray[np.uint8]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = [name for name in METHODS if not METHODS[name].instant]
    every = cases()
    monkeypatch.setitem(METHODS, "crashing", CRASHING)

    def thread(number: int) -> None:
        owner = f"owner {number}"
        context = service.context(pictures[number % PICTURES], owner=owner, private=False)
        for turn in range(6):
            if (number + turn) % 3 == 0:
                crashed = service.request(models[0], context, "crashing", seed=turn, owner=owner)
                assert crashed.wait(LONG) and crashed.state == "failed"
            elif (number + turn) % 3 == 1:
                name = slow[(number + turn) % len(slow)]
                cut = service.request(models[turn % 2], context, name, seed=turn, owner=owner, precision="float32")
                cut.wait(0.005)
                cut.stop()
                assert cut.state in ("stopped", "done")
                cut.explanation()
            else:
                ask(service, models, pictures, every[(17 * number + turn) % len(every)], owner)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(thread, range(THREADS)))
    works = [entry.work for entry in service._store.entries.values()]
    for work in works:
        assert work.readers == 0 and not any(one.waiting for one in work.interests.values())
    after = service.request(models[0], service.context(pictures[0]), "gradcam", owner="somebody else")
    assert after.wait(LONG) and after.state == "done"
    assert all(work.holder is None and work.at_rest() for work in works)
