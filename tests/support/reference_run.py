"""Every reference on one small model, in this process: `python -m tests.support.reference_run MODEL`.

The libraries hook modules and draw from numpy's global generator, so that tests run this apart and read what it prints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from core.explanation.context import ImageContext
from core.explanation.engine import checked_request, explanation_of, start_checked
from core.explanation.methods.registry import METHODS
from core.explanation.reference.registry import REFERENCES
from core.models.checkpoints import load_classifier
from core.simulation import draw_cell

BUDGETS = {"scorecam": 2048, "occlusion": 2000}  # those that have to come to an end
LABELS = ("neutrophil", "monocyte")


class Told:
    """Keeps what it was told last."""

    last = (0, 0)

    def __call__(self, done: int, expected: int) -> None:
        """Listen."""
        self.last = done, expected


def checks(model: Path) -> list[dict[str, object]]:
    """What each method's check says, and of the same map with a fiftieth of its largest value added at one pixel."""
    classifier = load_classifier(model)
    context, found = ImageContext(draw_cell("neutrophil", 3, size=120).image), []
    for name, reference in REFERENCES.items():
        budget = METHODS[name].budget
        settings = {} if budget is None else {budget.name: BUDGETS.get(name, 80)}
        request = checked_request(name, classifier, context, settings, 3, "float32")
        estimator = start_checked(request)
        while not estimator.done:
            estimator.advance()
        explanation = explanation_of(estimator, LABELS)
        indices = [classifier.card.classes.index(label) for label in LABELS]
        told = Told()
        maps = reference.compute(request, indices, estimator.evaluations, told)
        for label, theirs in zip(LABELS, maps, strict=True):
            check = reference.check(explanation, label, theirs)
            wrong = theirs.copy()
            wrong[60, 60] += 0.02 * np.abs(theirs).max()
            off = reference.check(explanation, label, wrong)
            found.append(check.document() | {"off": off.agrees, "told": told.last, "sentence": check.sentence})
    return found


if __name__ == "__main__":
    print(json.dumps(checks(Path(sys.argv[1]))))
