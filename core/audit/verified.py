"""Whether an audit's maps are those of the reference libraries: some of the sample's, computed once more by
pytorch-grad-cam from end to end, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.findings import Finding, Status
from core.data.loading import read_boxed
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import Question
from core.explanation.reference.verification import Verification
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.preprocessing.framing import frame_image

METHOD = "gradcam"
CHECKED = 2  # cells a model, each by all of its classes
LOOK = 0.1  # s between two looks at the process


def verified(folder: Path, rows: pd.DataFrame, seed: int, device: str, tell: Callable[[str], None]) -> Finding:
    """Compare Grad-CAM of the first CHECKED pictures of `rows` (path, box) with the library's, for every class."""
    classifier, model = load_classifier(folder, device), folder.resolve().name
    found = []
    for path, box in list(zip(rows["path"], rows["box"], strict=True))[:CHECKED]:
        tell(f"{model}: Grad-CAM by the reference library")
        try:
            found.append(_compared(classifier, ImageContext(_framed(path, box, classifier)), seed))
        except InputError as error:
            found.append(Verification(model, METHOD, reason=str(error), failed=True))
    return told_of(model, found)


def _framed(path: str, box: str, classifier: Classifier) -> NDArray[np.uint8]:
    return frame_image(read_boxed(Path(path), box), classifier.card.framing).rgb


def _compared(classifier: Classifier, context: ImageContext, seed: int) -> Verification:
    explanation = explain(classifier, context, [METHOD], seed=seed)[METHOD]
    process = ReferenceProcess(Question.about(classifier, context, explanation, classifier.card.classes))
    process.start()
    try:
        while process.poll() == "running":
            time.sleep(LOOK)
    finally:
        process.stop()
    return Verification.of(explanation, process)


def told_of(model: str, found: Sequence[Verification]) -> Finding:
    """Passed where every map that was compared is the library's, failed where one is not; not run without any."""
    checks = [check for one in found for check in one.checks]
    facts: Any = {"step": "explanations", "key": "reference", "title": "As the reference library", "model": model}
    if not checks:
        reason = next((one.reason for one in found if one.reason), "There is no picture to compare.")
        return Finding(status="not run", sentence=f"No map was compared. {reason}", **facts)
    differing = [check for check in checks if not check.agrees]
    worst = max(check.relative_difference for check in checks)
    library = f"{checks[0].library} {checks[0].version}"
    told = f"{len(checks) - len(differing)} of {len(checks)} Grad-CAM maps are those of {library}; the largest "
    told += f"difference of a pixel is {100 * worst:.2g} % of the map's largest value."
    condition = f"every map agrees ({checks[0].rule})"
    status: Status = "failed" if differing else "passed"
    return Finding(status=status, sentence=told, figure=worst, of=len(checks), condition=condition, **facts)
