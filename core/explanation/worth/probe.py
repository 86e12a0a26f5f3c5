"""What a model says of altered versions of one picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.evaluator import evaluator
from core.explanation.scene import Scene
from core.models.twin import DTYPES
from core.transform import standardise


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
        network = self.classifier.twin(self.precision)
        stacked = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(255).to(self.classifier.device)
        with torch.no_grad():
            logits = network(standardise(stacked).to(DTYPES[self.precision])).float()
        if not torch.isfinite(logits).all():
            name = self.classifier.name
            raise InputError(f"{name}'s outputs are not finite numbers: its checkpoint is broken, copy it again.")
        return logits.cpu().numpy()

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits `(n, K)` -> probabilities of the class `(n,)`, at the card's temperature as everywhere."""
        scaled = logits.astype(np.float64) / self.classifier.card.temperature
        return np.asarray(softmax(scaled, axis=1)[:, self._place])
