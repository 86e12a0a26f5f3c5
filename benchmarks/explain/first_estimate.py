"""Case first-estimate: seconds from asking until something is seen, of every method that sharpens step by step."""

from __future__ import annotations

from functools import partial

from benchmarks.explain.row import Row
from benchmarks.explain.sides import Sides, timed
from core.errors import InputError
from core.explanation.methods import METHODS
from core.explanation.service import ExplanationService

LONGEST = 60.0  # s


def first_estimate(sides: Sides) -> list[Row]:
    """A row a method, `case` "first-estimate" and the method's name in the note; default settings, warm model.

    Counted from the request of a picture never seen before to a map in hand, with superpixels, baselines and the
    queue's handover. There is no upstream side: its methods show nothing before they end.
    """
    rows = []
    for name, method in METHODS.items():
        if method.instant:
            continue
        first_map(sides, name)
        seconds, _ = timed(partial(first_map, sides, name))
        rows.append(Row("first-estimate", sides.classifier.name, seconds, note=name))
    return rows


def first_map(sides: Sides, name: str) -> None:
    """Ask, and wait for the first map."""
    service = ExplanationService()
    try:
        job = service.request(sides.classifier, service.scene(sides.view), name)
        while job.explanation() is None:
            if job.state == "failed" or job.seconds > LONGEST:
                raise InputError(f"{name} shows nothing: {job.fault}")
            job.wait(0.005)
    finally:
        service.close()
