"""How much work makes one step of an estimator."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.classifier import Classifier

STEP = 0.3  # s: long enough to be worth the handover between tasks, short enough that nobody waits for it
LARGE = 10_000_000  # parameters


def block_size(classifier: Classifier) -> int:
    """Pictures that a step evaluates at least: few where one takes long, more where a pass costs more than its work.

    It depends on the model alone, never on the clock, so that rounding is the same in every run.
    """
    return 4 if classifier.card.parameters > LARGE else 16


def one_step(block: Callable[[], None], more: Callable[[], bool], seconds: float = STEP) -> None:
    """Call `block` while there is `more`, at least once, until the next would end after `seconds`."""
    started = last = time.perf_counter()
    while more():
        block()
        now = time.perf_counter()
        if now - started + now - last > seconds:
            return
        last = now
