"""What methods that hide parts of the picture have in common: what stands there instead, and the outputs then."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.explanation.baselines import baseline
from core.explanation.estimator import Request
from core.explanation.evaluator import evaluator
from core.explanation.pace import block_size
from core.explanation.scene import nbytes_of


class HiddenViews:
    """The request's picture with parts hidden behind its baseline, as its model sees it.

    Pixels that the baseline shows as they are cannot be hidden: masks that differ only there are one and the same, so
    that a picture equal to its baseline has exactly the same outputs behind every mask.
    """

    def __init__(self, request: Request) -> None:
        name, side = request.text("baseline"), request.side
        self.side = side
        self.block = block_size(request.classifier)
        self._evaluator = evaluator(request.classifier, request.scene, name, request.precision)
        picture = request.scene.picture(side)
        self._unchanged: NDArray[np.bool_] = (picture == baseline(request.scene, name, side)).all(axis=2)
        self._any_unchanged = bool(self._unchanged.any())

    @property
    def nbytes(self) -> int:
        """Of its own array; the rest is the scene's."""
        return nbytes_of(self._unchanged)

    def logits(self, keep: NDArray[np.bool_] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits `(N, K)` of the picture that keeps the share `keep` `(N, S, S)`, in [0, 1] or bool, of each pixel."""
        if self._any_unchanged:
            keep = np.maximum(keep, self._unchanged.astype(keep.dtype))
        return self._evaluator.of_masks(keep).astype(np.float64)
