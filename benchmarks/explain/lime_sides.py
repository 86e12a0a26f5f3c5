"""Both sides of the LIME cases: the same superpixels and the same hidden picture for both."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from lime.lime_image import LimeImageExplainer
from numpy.typing import NDArray

from benchmarks.explain.sides import Sides
from core.explanation.baselines import baseline, of_superpixels
from core.explanation.controls import Value, resolve
from core.explanation.methods import method
from core.explanation.superpixels import superpixels

SAMPLES = 1000  # upstream's default
TOP_LABELS = 5  # upstream's default
Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class LimeCase:
    """One model's settings, superpixels `labels` `(S, S)` and hidden picture, with default settings of our side."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.settings: dict[str, Value] = resolve(method("lime").controls)
        scene, side = sides.scene(), sides.picture.shape[0]
        cut, parts = str(self.settings["superpixels"]), int(self.settings["regions"])
        self.labels = superpixels(scene, cut, parts, side)
        self.hidden = baseline(scene, of_superpixels(str(self.settings["baseline"]), cut, parts), side)
        self.parts = int(self.labels.max()) + 1

    def upstream(
        self,
        samples: int = SAMPLES,
        masks: NDArray[np.bool_] | None = None,
        seed: int = 0,
        answers: Probabilities | None = None,
    ) -> NDArray[np.float64]:
        """Coefficients `(K, s)` by `LimeImageExplainer.explain_instance`, of its own masks or of those given.

        As in lime's README: 1,000 samples, five labels, batches of ten, and a classifier function that runs the model
        in its default layout in float32; or another, `answers`.
        """
        explainer = LimeImageExplainer(random_state=seed)
        if masks is not None:
            explainer.random_state = _Given(masks)
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            found = explainer.explain_instance(
                self.sides.picture,
                answers or self.sides.probabilities,
                top_labels=TOP_LABELS,
                hide_color=self.hidden,
                num_samples=samples,
                segmentation_fn=lambda picture: self.labels,
            )
        return coefficients(found, len(self.sides.classifier.card.classes), self.parts)


def coefficients(explanation: Any, classes: int, parts: int) -> NDArray[np.float64]:
    """`(K, s)` of lime's explanation, which lists them by size."""
    values = np.zeros((classes, parts))
    for label, pairs in explanation.local_exp.items():
        for part, weight in pairs:
            values[label, part] = weight
    return values


class _Given:
    """Stands in the place of lime's random state and gives the masks that it is told to."""

    def __init__(self, masks: NDArray[np.bool_]) -> None:
        self._masks = masks.astype(np.int64)

    def randint(self, low: int, high: int = 0, size: int = 0) -> Any:
        """The masks where masks are asked for; else lime draws the seed of a segmentation that is not used."""
        return self._masks.ravel() if size == self._masks.size else low
