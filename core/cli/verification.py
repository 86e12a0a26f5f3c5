"""The work behind `explain --verify`: each map computed again by its reference library, and compared."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from core.cli.common import OFTEN, SELDOM, Stop, say
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import Question
from core.explanation.reference.registry import REFERENCES, WITHOUT
from core.explanation.reference.verification import Verification
from core.models.classifier import Classifier

LOOK = 0.1  # s between two looks at the process


def verification(
    classifier: Classifier,
    context: ImageContext,
    explanation: Explanation,
    labels: Sequence[str],
    seconds: float,
    stop: Stop,
) -> Verification:
    """Ask the method's reference for the maps of `labels`, and compare; our own maps took `seconds`.

    What keeps the library from being asked, or from answering, stands in the result in place of figures.
    """
    model, method = explanation.model, explanation.method
    if method in WITHOUT:
        return Verification(model, method, reason=WITHOUT[method])
    reference = REFERENCES[method]
    try:
        process = ReferenceProcess(Question.about(classifier, context, explanation, labels))
        process.start()
        _watch(process, f"{model}: {method} by {reference.library}", stop)
    except InputError as error:
        return Verification(model, method, reference.library, reference.version, reason=str(error), failed=True)
    return Verification.of(explanation, process, seconds)


def verification_lines(verifications: Sequence[Verification]) -> list[str]:
    """A line a map, or a method that could not be compared, and one that says what differs."""
    lines = [line for each in verifications for line in each.lines]
    differing = [f"{one.model}: {one.method}, {one.label}" for each in verifications for one in each.differing]
    if differing:
        lines.append(f"These maps are not those of the reference library: {'; '.join(differing)}.")
    return lines


def _watch(process: ReferenceProcess, label: str, stop: Stop) -> None:
    """Wait for the end, telling how far it is as `meter.run` does; kill it where an end is asked for."""
    live = sys.stderr.isatty()
    told = time.monotonic()
    while process.poll() == "running":
        if stop.asked:
            process.stop()
            break
        time.sleep(LOOK)
        now = time.monotonic()
        if now - told >= (OFTEN if live else SELDOM):
            told = now
            done, expected = process.progress
            far = f"{done}/{expected} evaluations" if expected else "loading"
            line = f"{label}: {far}, {process.elapsed:.0f} s"
            if live:
                sys.stderr.write(f"\r\033[K{line}")
                sys.stderr.flush()
            else:
                say(line)
    if live:
        sys.stderr.write("\r\033[K")
