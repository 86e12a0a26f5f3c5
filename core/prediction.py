"""One model's answer to one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """`logits` and `probabilities` `(K,) float32` in the order of `classes`; probabilities are temperature-scaled.

    `novelty` is the distance in feature space that `unfamiliar` compares with the card's threshold (None where the
    model has no such measure); `seconds` is the time of this picture's share of the batch.
    """

    model: str
    classes: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    novelty: float | None
    unfamiliar: bool
    seconds: float

    @property
    def predicted(self) -> str:
        """The class with the highest probability."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The highest probability."""
        return float(self.probabilities.max())

    @property
    def margin(self) -> float:
        """The highest probability less the second highest."""
        first, second = np.sort(self.probabilities)[::-1][:2]
        return float(first - second)
