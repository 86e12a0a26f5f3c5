"""A request's picture with superpixels hidden: which there are, and what the model answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.explanation.baselines import baseline, of_superpixels
from core.explanation.estimator import Request
from core.explanation.evaluator import evaluator
from core.explanation.scene import SIDE, nbytes_of
from core.explanation.superpixels import superpixels

Keep = NDArray[np.bool_]


class RegionViews:
    """The superpixels `labels` `(S, S) int32` of a request, `parts` of them, and logits of the views asked so far.

    A superpixel that the baseline shows just as it is cannot be hidden: views that differ only there are one and the
    same, so that a picture equal to its baseline has exactly the same outputs in all of them.
    """

    def __init__(self, request: Request) -> None:
        cut, regions, side = request.text("superpixels"), request.number("regions"), request.side
        self.labels = superpixels(request.scene, cut, regions, side)
        self.parts = int(superpixels(request.scene, cut, regions, SIDE).max()) + 1
        hidden = of_superpixels(request.text("baseline"), cut, regions)
        self._evaluator = evaluator(request.classifier, request.scene, hidden, request.precision)
        self.batch = self._evaluator.batch
        differs = (request.scene.picture(side) != baseline(request.scene, hidden, side)).any(axis=2)
        self._unchanged = np.bincount(self.labels.ravel(), differs.ravel(), minlength=self.parts) == 0
        self._classifier = request.classifier
        self.logits = np.zeros((0, len(request.classifier.card.classes)))  # (n, K), in the order asked

    @property
    def count(self) -> int:
        """Views asked so far."""
        return len(self.logits)

    @property
    def nbytes(self) -> int:
        """Of the views' outputs; superpixels are the scene's."""
        return nbytes_of(self._unchanged, self.logits)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Of the views asked so far, calibrated as the page shows them, `(n, K)`."""
        return self._classifier.probabilities(self.logits)

    def ask(self, keep: Keep) -> None:
        """Evaluate the views that keep the superpixels `keep` `(n, s)` and add them to `logits`."""
        found = self._evaluator.of_regions(keep | self._unchanged, self.labels)
        self.logits = np.concatenate([self.logits, found.astype(np.float64)])

    def painted(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """A map `(K, S, S)` from a value for each superpixel `(K, s)`."""
        return np.asarray(values, dtype=np.float32)[:, self.labels]
