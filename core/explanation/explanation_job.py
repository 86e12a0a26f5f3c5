"""One owner's hold on an explanation that is being computed, and what it shows so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.controls import budget_of
from core.explanation.engine import explanation_of, known_classes
from core.explanation.estimator import Estimator
from core.explanation.explanation import Explanation
from core.explanation.job import Interest, Job, Work
from core.explanation.method import Method
from core.explanation.scene import nbytes_of

Classes = tuple[str, ...]
MOST_SELECTIONS = 8  # choices of classes remembered at a time


@dataclass(eq=False)
class Snapshots:
    """What one estimator showed at its last count of evaluations, by choice of classes; read between two steps."""

    method: Method
    classifier: Classifier
    evaluations: int = -1
    shown: dict[Classes, Explanation] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of all that is remembered."""
        return nbytes_of(self.shown)

    def take(self, estimator: Estimator, classes: Classes) -> Explanation | None:
        """The explanation as it stands now; None where there is nothing to show yet."""
        count = estimator.evaluations
        if count != self.evaluations or len(self.shown) >= MOST_SELECTIONS:
            self.shown = {}
        if classes not in self.shown:
            try:
                found = explanation_of(self.method.name, estimator, classes)
            except InputError:
                return None
            self.shown = {**self.shown, classes: found}
        self.evaluations = count
        return self.shown[classes]


class ExplanationJob(Job):
    """A `Job` whose task is an explanation; `method` is its entry in the registry."""

    def __init__(self, work: Work, owner: str, interest: Interest, snapshots: Snapshots) -> None:
        super().__init__(work, owner, interest)
        self.method = snapshots.method
        self._snapshots = snapshots

    def explanation(self, classes: Sequence[str] | None = None) -> Explanation | None:
        """What was found so far, for `classes` (all by default); None before the first step. Renews the lease.

        The same object as long as nothing new was found: its arrays are shared, never write to them. Its budget is this
        owner's. InputError for a class that the model lacks. What failed shows what was last looked at, if anything.
        """
        work, kept = self._work, self._snapshots
        chosen = known_classes(kept.classifier, classes)
        with work.turn:
            self.touch()
            fresh = kept.evaluations == work.evaluations or bool(work.fault)
            found = kept.shown.get(chosen) if fresh else None
            begun = work.steps > 0 and not work.fault
        if found is None and begun:
            found = self.read(lambda estimator: kept.take(estimator, chosen))
        return None if found is None else self._as_asked(found)

    def _as_asked(self, found: Explanation) -> Explanation:
        """Say this owner's budget, not that of another who asked for more or less; but never less than was done."""
        asked = found.evaluations if self.state == "done" else self.budget
        control = budget_of(self.method.controls)
        spent = max(self._interest.wanted, found.evaluations)
        settings = {**found.settings, control.name: spent} if control else found.settings
        if found.budget == asked and found.settings == settings:
            return found
        return replace(found, budget=asked, settings=settings)
