"""What a model says of altered versions of one picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from core.classifier import Classifier
from core.explanation.evaluator import evaluator
from core.explanation.pixel_gradients import pixel_network, pixels
from core.explanation.scene import Scene


class Probe:
    """One model's probability of one class, of versions of one scene in `precision`."""

    def __init__(self, classifier: Classifier, scene: Scene, label: str, precision: str, baseline: str) -> None:
        self.classifier = classifier
        self.scene = scene
        self.label = label
        self.precision = precision
        self.baseline = baseline
        self.side = classifier.card.input_size
        self._place = classifier.card.classes.index(label)

    def of_masks(self, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Probabilities `(n,)` where the masks `(n, S, S) bool` are kept and the baseline shows elsewhere."""
        shared = evaluator(self.classifier, self.scene, self.baseline, self.precision)
        return self.probabilities(shared.of_masks(keep))

    def logits_of(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits `(n, K)` of pictures `(n, S, S, 3) uint8`, each standardised as the pipeline does."""
        network = pixel_network(self.classifier, self.precision)
        with torch.no_grad():
            return np.asarray(network(pixels(self.classifier, pictures)).cpu().numpy())

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits `(n, K)` -> probabilities of the class `(n,)`, at the card's temperature as everywhere."""
        return self.classifier.probabilities(logits)[:, self._place]
