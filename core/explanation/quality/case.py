"""One map to be scored, and what its scores are made from: the model's answers to altered versions of the picture, and
the order of the map's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.explanation.context import ImageContext
from core.explanation.engine import Explanation
from core.explanation.gradients import pixel_network, pixels
from core.explanation.perturbation import evaluator
from core.explanation.quality.similarity import Map
from core.explanation.quality.wording import FLAT, NO_EVIDENCE
from core.models.classifier import Classifier


class Probe:
    """One model's probability of one class, of versions of one context in `precision`."""

    def __init__(
        self, classifier: Classifier, context: ImageContext, label: str, precision: str, baseline: str
    ) -> None:
        self.classifier = classifier
        self.context = context
        self.label = label
        self.precision = precision
        self.baseline = baseline
        self.side = classifier.card.input_size
        self._place = classifier.card.classes.index(label)

    def of_masks(self, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Probabilities `(n,)` where the masks `(n, S, S) bool` are kept and the baseline shows elsewhere."""
        shared = evaluator(self.classifier, self.context, self.baseline, self.precision)
        return self.probabilities(shared.of_masks(keep))

    def logits_of(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits `(n, K)` of pictures `(n, S, S, 3) uint8`, each standardised as the pipeline does."""
        network = pixel_network(self.classifier, self.precision)
        with torch.no_grad():
            return np.asarray(network(pixels(self.classifier, pictures)).cpu().numpy())

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Logits `(n, K)` -> probabilities of the class `(n,)`, at the card's temperature as everywhere."""
        return self.classifier.probabilities(logits)[:, self._place]


def relevance_order(values: NDArray[np.float32], ties: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the flat map `(S * S,)`, the most relevant first; evidence against comes last.

    Where values are equal (superpixels, the empty part of a CAM) `ties` decides, highest first: with a smooth random
    map an empty map is ordered as that one is, and no corner is favoured.
    """
    return np.lexsort((-ties.ravel(), -values.ravel())).astype(np.int64)


def first_of(order: NDArray[np.int64], share: float, side: int) -> NDArray[np.bool_]:
    """The first `share` of the order's pixels, as a mask `(side, side) bool`."""
    chosen = np.zeros(side * side, dtype=bool)
    chosen[order[: round(share * order.size)]] = True
    return chosen.reshape(side, side)


def ranks_pixels(values: NDArray[np.float32]) -> bool:
    """Whether a map has positive evidence and tells some pixels from others."""
    return bool(values.max() > 0 and values.min() < values.max())


@dataclass(frozen=True, eq=False)
class ScoringCase:
    """The map `values` `(S, S)` of one class in `explanation`, the control maps, and the model to ask.

    `seed` draws the random map and ROAD's noise.
    """

    probe: Probe
    explanation: Explanation
    values: Map
    controls: dict[str, Map]
    seed: int

    @property
    def maps(self) -> dict[str, Map]:
        """The map, as "map", and the controls by name."""
        return {"map": self.values, **self.controls}

    @property
    def silence(self) -> str:
        """Why the map cannot be ranked, or ""."""
        if ranks_pixels(self.values):
            return ""
        return NO_EVIDENCE if self.values.max() <= 0 else FLAT
