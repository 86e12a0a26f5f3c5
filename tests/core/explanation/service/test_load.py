"""Sixteen threads, fifty maps each, every method: right from cold, clean, bounded, nothing left locked."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from core.explanation.engine import explain
from core.explanation.method import Estimator, Maps, Method, Request
from core.explanation.methods.registry import METHODS
from core.explanation.service.service import ExplanationService
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.models.registry import ARCHITECTURES, Architecture
from core.models.staged import StagedNetwork
from core.settings import Value
from core.simulation import gallery
from tests.support.tasks import ask_maps
from tests.support.tiny_models import make_model

THREADS = 16
EACH = 50
BUDGET = 10
PICTURES = 3
MOST = 60  # results kept: fewer than there are, so that some are dropped and made again
LONG = 60.0
SIDE = 64  # px
Case = tuple[int, int, str, int]  # model, picture, method, seed
Answer = tuple[Case, NDArray[np.float32]]


class Crashing(Estimator):
    """Fails at its third step, and at every one after."""

    evaluations = 0
    nbytes = 0

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.budget = 10

    def advance(self) -> None:
        self.evaluations += 1
        if self.evaluations >= 3:
            raise RuntimeError("out of order")

    def maps(self) -> Maps:
        return Maps(np.zeros((5, 7, 7), np.float32))


CRASHING = Method("crashing", "Crashing", "masks", False, "logit", "none", "none", Crashing)


def build_toy(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """Two convolutions with batch normalisation: what is folded and cut as in the shipped models, in a thousandth."""
    layers: list[nn.Module] = []
    for channels, filters, stride in ((3, 8, 4), (8, 12, 2)):
        layers += [nn.Conv2d(channels, filters, 5, stride, padding=2), nn.BatchNorm2d(filters), nn.ReLU()]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, n_classes))
    return lively(StagedNetwork({"body": nn.Sequential(*layers), "classifier": head}, "body"))


def lively(network: StagedNetwork) -> StagedNetwork:
    """Scale weights up, so that what hiding a part changes stands well above rounding."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(4.0)
    return network


TOY = Architecture("toy", "Toy", build_toy, SIDE, None, "made for this test")


@dataclass
class Models:
    """Two model folders, and the classifiers in use, which are loaded anew at any time."""

    folders: list[Path]
    now: list[Classifier] = field(default_factory=list)

    def load(self) -> None:
        """Begin cold: nothing was computed by any of them yet."""
        self.now = [load_classifier(folder) for folder in self.folders]

    def load_again(self, number: int) -> None:
        """Put one that was just loaded in the place of `number`, which others may be using."""
        check_clean(self.now[number])
        self.now[number] = load_classifier(self.folders[number])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "toy", TOY)
        for seed in range(2):
            make_model(root, f"model-{seed}", seed, {"architecture": "toy", "input_size": SIDE})
        yield [root / f"model-{seed}" for seed in range(2)]


@pytest.fixture
def models(folders: list[Path]) -> Models:
    found = Models(folders)
    found.load()
    return found


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    return [cell.cell().image[::2, ::2].copy() for cell in gallery()[:PICTURES]]


@pytest.fixture
def service() -> Iterator[ExplanationService]:
    service = ExplanationService(most_entries=MOST, most_contexts=PICTURES)
    yield service
    service.close()


def serial(folders: list[Path], picture: NDArray[np.uint8], case: Case) -> NDArray[np.float32]:
    """The case's map computed alone, by a model loaded for that, on a picture that nothing is remembered of."""
    model, _, name, seed = case
    classifier = load_classifier(folders[model])
    return explain(classifier, picture, [name], None, {name: little(name)}, seed, "float32")[name].native


def cases() -> list[Case]:
    return list(product(range(2), range(PICTURES), METHODS, range(1)))


def little(name: str) -> dict[str, Value]:
    field = METHODS[name].budget
    return {} if field is None else {field.name: max(int(field.low), BUDGET)}


def ask(
    service: ExplanationService, models: Models, pictures: list[NDArray[np.uint8]], case: Case, owner: str
) -> NDArray[np.float32]:
    model, picture, name, seed = case
    context = service.context(pictures[picture], owner=owner, private=False)
    job = ask_maps(service, models.now[model], context, name, little(name), seed, "float32", owner=owner)
    assert job.wait(LONG) and job.state == "done", (case, job.state, job.fault)
    found = job.explanation()
    assert found is not None
    return found.native


def storm(
    service: ExplanationService, models: Models, pictures: list[NDArray[np.uint8]], again: bool = False
) -> list[Answer]:
    """All threads' maps; with `again` each thread once loads a model anew, at a turn of its own."""
    every = cases()

    def thread(number: int) -> list[Answer]:
        chosen = np.random.default_rng([7, number]).permutation(len(every))[:EACH]
        answers = []
        for turn, place in enumerate(chosen):
            if again and turn == number * EACH // THREADS:
                models.load_again(number % 2)
            answers.append((every[place], ask(service, models, pictures, every[place], f"owner {number}")))
        return answers

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


def test_every_map_equals_the_one_made_alone_memory_stays_flat_and_nothing_is_left_behind(
    folders: list[Path], models: Models, pictures: list[NDArray[np.uint8]]
) -> None:
    with closing(ExplanationService(most_entries=MOST, most_contexts=PICTURES)) as cold:
        answers = storm(cold, models, pictures, again=True)
    del cold
    models.load()
    with closing(ExplanationService(most_entries=MOST, most_contexts=PICTURES)) as service:
        answers += storm(service, models, pictures)
        before = resident(), tensors()
        answers += storm(service, models, pictures)
        after = resident(), tensors()
        assert len(service) <= MOST
    assert len(answers) == 3 * THREADS * EACH
    wanted = {case: serial(folders, pictures[case[1]], case) for case in cases()}
    assert min(float(np.abs(found).max()) for found in wanted.values()) > 1e-4
    assert {case: off for case, found in answers if not (off := distance(found, wanted[case])) <= 1e-5} == {}
    assert after[0] - before[0] < 60, "MB of resident memory"
    assert after[1] - before[1] < 100, "tensors"
    for model in models.now:
        assert model._inference_copies
        check_clean(model)


def distance(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Largest difference as a share of the largest value."""
    return float(np.abs(found - wanted).max()) / (float(np.abs(wanted).max()) or 1.0)


def check_clean(classifier: Classifier) -> None:
    for network in (classifier.network, *classifier._inference_copies.copy().values()):
        check_untouched(network)


def check_untouched(network: nn.Module) -> None:
    for module in network.modules():
        assert not any((module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))
        assert not (module.training and isinstance(module, nn.Dropout | nn.BatchNorm2d))
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())


def test_what_is_cancelled_or_crashes_leaves_nothing_locked(
    service: ExplanationService,
    models: Models,
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
                crashed = ask_maps(service, models.now[0], context, "crashing", seed=turn, owner=owner)
                assert crashed.wait(LONG) and crashed.state == "failed"
            elif (number + turn) % 3 == 1:
                name = slow[(number + turn) % len(slow)]
                cut = ask_maps(
                    service, models.now[turn % 2], context, name, seed=turn, owner=owner, precision="float32"
                )
                cut.wait(0.005)
                cut.stop()
                assert cut.state in ("stopped", "done")
                cut.explanation()
            else:
                ask(service, models, pictures, every[(17 * number + turn) % len(every)], owner)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(thread, range(THREADS)))
    works = [entry.work for entry in service._cache.entries.values()]
    for work in works:
        assert work.readers == 0 and not any(one.waiting for one in work.interests.values())
    after = ask_maps(service, models.now[0], service.context(pictures[0]), "gradcam", owner="somebody else")
    assert after.wait(LONG) and after.state == "done"
    assert all(work.holder is None and work.at_rest() for work in works)
