"""Every white cell of a photograph of a smear."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.fields.cells import FieldCell
from core.settings import Settings, number_field

MOST_MEGAPIXELS = 40


class DetectionSettings(Settings):
    """How white cells are sought in a photograph."""

    least_score: float = number_field(
        0.5, 0.05, 0.99, "Least score", "How sure the network must be that a find is a white cell."
    )


def detect_cells(
    field: NDArray[np.uint8],
    settings: DetectionSettings | None = None,
    *,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[FieldCell]:
    """Find every white cell of `field` `(H, W, 3) uint8` of at most 40 megapixels, numbered in reading order.

    `progress` is told a share from 0 to 1; where `cancelled` becomes True the search ends with an empty list. Raises
    InputError for a larger photograph.
    """
    raise NotImplementedError
