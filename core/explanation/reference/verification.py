"""What became of checking one method's maps of one model against its reference library."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.explanation.engine import Explanation
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.registry import REFERENCES


@dataclass(frozen=True)
class Verification:
    """A check a class, or the `reason` why there is none; `failed` where something went wrong."""

    model: str
    method: str
    library: str = ""
    version: str = ""
    checks: tuple[ReferenceCheck, ...] = ()
    reason: str = ""
    failed: bool = False

    @classmethod
    def of(cls, explanation: Explanation, process: ReferenceProcess, our_seconds: float | None = None) -> Verification:
        """What a process that has ended found about `explanation`, which took `our_seconds` if that was measured."""
        reference, answer = REFERENCES[explanation.method], process.answer
        known = explanation.model, explanation.method, reference.library, reference.version
        if answer is None:
            return cls(*known, reason=process.fault, failed=process.state == "failed" and not process.refused)
        labels = process.question.labels
        checks = tuple(
            reference.check(explanation, label, theirs, answer.seconds, our_seconds)
            for label, theirs in zip(labels, answer.maps, strict=True)
        )
        return cls(*known, checks=checks)

    @property
    def differing(self) -> tuple[ReferenceCheck, ...]:
        """The checks of maps that are not the library's."""
        return tuple(check for check in self.checks if not check.agrees)

    @property
    def lines(self) -> list[str]:
        """A sentence a check, with the seconds of both, or why there is none."""
        if not self.checks:
            return [f"{self.model}: {self.method}: not compared. {self.reason}"]
        return [f"{one.model}: {one.method}, {one.label}: {one.sentence}; {_seconds(one)}" for one in self.checks]

    def documents(self) -> list[dict[str, Any]]:
        """JSON-ready dicts, one a check, or one with the reason."""
        if self.checks:
            compares = REFERENCES[self.method].compares
            return [check.document() | {"compares": compares, "reason": None} for check in self.checks]
        known = {"model": self.model, "method": self.method, "label": None}
        library = {"library": self.library or None, "version": self.version or None}
        return [known | library | {"agrees": None, "reason": self.reason}]

    def npz(self) -> bytes:
        """An .npz of the raw maps `reference` and `ours` `(k, S, S)`, on one scale, in the order of `classes`."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            reference=np.stack([check.theirs for check in self.checks]),
            ours=np.stack([check.ours for check in self.checks]),
            classes=np.array([check.label for check in self.checks]),
        )
        return buffer.getvalue()


def _seconds(check: ReferenceCheck) -> str:
    ours = "" if check.our_seconds is None else f", ours {check.our_seconds:.1f} s for all classes"
    return f"{check.library} {check.seconds:.1f} s{ours}"
