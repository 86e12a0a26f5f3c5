"""Tasks and a clock that tests drive by hand, and maps asked of a service in one line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from core.explanation.context import ImageContext
from core.explanation.engine import checked_request
from core.explanation.service.service import ExplanationJob, ExplanationService
from core.models.classifier import Classifier
from core.settings import Value


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Fake:
    """A task whose steps take `cost` seconds of `clock`, count one evaluation, and enter its name in `log`."""

    def __init__(
        self,
        name: str,
        budget: int,
        log: list[str] | None = None,
        clock: Clock | None = None,
        cost: float = 1.0,
        before: Callable[[Fake], None] = lambda task: None,
    ) -> None:
        self.name = name
        self.budget = budget
        self.evaluations = 0
        self.inside = False
        self.nbytes = 0
        self._log = [] if log is None else log
        self._clock = clock or Clock()
        self._cost = cost
        self._before = before

    @property
    def done(self) -> bool:
        return self.evaluations >= self.budget

    def advance(self) -> None:
        assert not self.inside
        self.inside = True
        try:
            self._before(self)
            self.evaluations += 1
            self._log.append(self.name)
            self._clock.now += self._cost
        finally:
            self.inside = False


class Gate:
    """Holds a worker inside a step until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, task: Fake) -> None:
        self.reached.set()
        assert self.opened.wait(20)


def ask_maps(
    service: ExplanationService,
    classifier: Classifier,
    context: ImageContext,
    method: str,
    settings: Mapping[str, Value] | None = None,
    seed: int = 0,
    precision: str = "auto",
    **whose: Any,
) -> ExplanationJob:
    """Check what is asked for and ask the service for it; `whose` are owner, private and lease."""
    return service.request(checked_request(method, classifier, context, settings, seed, precision), **whose)
