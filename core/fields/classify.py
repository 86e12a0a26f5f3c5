"""The cells of a photograph as each model names them, framed as Compare and Explain frame them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.fields.cells import FieldCell, cell_window
from core.models.classifier import Classifier, Prediction
from core.preprocessing.framing import frame_image

BATCH = 32  # cells that are framed and answered at a time


def classify_cells(
    field: NDArray[np.uint8],
    cells: Sequence[FieldCell],
    classifiers: Sequence[Classifier],
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, list[Prediction]]:
    """What each model says of each cell of a photograph `(H, W, 3) uint8`, by model name, in the order of `cells`.

    Each cell's window is framed as each model was trained. `progress` is told a share from 0 to 1. Where `cancelled`
    becomes True the lists are shorter, all alike: what was answered so far.
    """
    answers: dict[str, list[Prediction]] = {classifier.name: [] for classifier in classifiers}
    framings = {classifier.card.framing for classifier in classifiers}
    for start in range(0, len(cells), BATCH):
        if cancelled is not None and cancelled():
            break
        windows = [cell_window(field, cell) for cell in cells[start : start + BATCH]]
        views = {framing: [frame_image(rgb, framing).rgb for rgb in windows] for framing in framings}
        for classifier in classifiers:
            answers[classifier.name] += classifier.predict(views[classifier.card.framing])
        if progress is not None:
            progress(min(1.0, (start + BATCH) / len(cells)))
    return answers
