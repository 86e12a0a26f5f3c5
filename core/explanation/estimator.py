"""What an explanation method is to the engine: maps of all classes that sharpen step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.classifier import Classifier
from core.explanation.controls import Settings
from core.explanation.scene import Scene, nbytes_of


@dataclass(frozen=True, eq=False)
class Request:
    """All that decides a method's maps: model, picture, settings (every control's value), seed and precision."""

    classifier: Classifier
    scene: Scene
    settings: Settings
    seed: int = 0
    precision: str = "float32"

    @property
    def side(self) -> int:
        """The model's input side, px."""
        return self.classifier.card.input_size

    def number(self, name: str) -> int:
        """A whole-number setting."""
        return int(self.settings[name])

    def text(self, name: str) -> str:
        """A setting that is a name."""
        return str(self.settings[name])


@dataclass(frozen=True)
class Regions:
    """Superpixels `labels` `(S, S) int32` from 0, and a weight and its standard error for each, `(K, s) float32`.

    Errors are NaN where there are too few samples to tell.
    """

    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    errors: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Of weights and errors; the superpixels are the scene's."""
        return nbytes_of(self.weights, self.errors)


@dataclass(frozen=True)
class Maps:
    """Unscaled maps of all K classes on the grid they were computed on: `native` `(K, h, w) float32`.

    Sampling methods give `error`, the standard error of each value `(K, h, w)`. Methods whose values must add up to a
    difference of outputs give `gap` `(K,)`: (sum of values - difference) / |difference|, signed, 0 where both are 0.
    `regions` where the method weighs superpixels; `note` is a sentence for the reader where there is something to say.
    """

    native: NDArray[np.float32]
    error: NDArray[np.float32] | None = None
    gap: NDArray[np.float32] | None = None
    regions: Regions | None = None
    note: str = ""

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.native, self.error, self.gap, self.regions)


class Estimator(ABC):
    """One method's maps of one model for one picture; a `Task`.

    The n-th sample depends on seed and n alone, never on the budget or on how steps were cut, so that a run stopped and
    continued gives the maps of one that went through. `budget` may be raised at any time.
    """

    def __init__(self, request: Request, budget: int) -> None:
        self.request = request
        self.budget = budget

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Model evaluations that the maps so far rest on."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the arrays that are its own, as in `Task`."""

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or nothing is left to learn."""
        return self.evaluations >= self.budget

    @abstractmethod
    def advance(self) -> None:
        """Do one step: a few tenths of a second at most, also on the largest model."""

    @abstractmethod
    def maps(self) -> Maps:
        """The maps so far; InputError before the first step of a method that has nothing to show yet."""
