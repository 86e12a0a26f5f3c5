"""Methods whose worth is known: one draws, one looks at the picture alone, one shows nothing."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from core.explanation.method import Estimator, Maps, Method, MethodSettings, Request
from core.settings import number_field


class MadeUpSettings(MethodSettings):
    budget_name = "samples"

    samples: int = number_field(1000, 1, 5000, "Samples", "How many")


Draw = Callable[[Request, int], np.ndarray]


class MadeUp(Estimator):
    """Adds up one drawn map a sample, the same for every class."""

    def __init__(self, draw: Draw, request: Request) -> None:
        super().__init__(request)
        self._draw, self._drawn = draw, 0
        self._total = np.zeros((request.side, request.side))

    @property
    def evaluations(self) -> int:
        return self._drawn

    @property
    def nbytes(self) -> int:
        return self._total.nbytes

    def advance(self) -> None:
        self._total += self._draw(self.request, self._drawn)
        self._drawn += 1

    def maps(self) -> Maps:
        classes = len(self.request.classifier.card.classes)
        return Maps(np.repeat((self._total / max(1, self._drawn)).astype(np.float32)[None], classes, axis=0))


def made_up(name: str, draw: Draw, uncertainty: str = "standard error", signed: bool = False) -> Method:
    def start(request: Request) -> Estimator:
        return MadeUp(draw, request)

    return Method(name, name, "masks", signed, "logit", "none", "none", start, MadeUpSettings, uncertainty)


def dice(request: Request, number: int) -> np.ndarray:
    """A steady slope and as much noise again; the noise of a mean falls with the samples."""
    side = request.side
    slope = np.tile(np.arange(side) / side, (side, 1))
    return slope + np.random.default_rng([request.seed, number]).standard_normal((side, side))


def edges(request: Request, number: int) -> np.ndarray:
    """An edge detector that never asks the model."""
    grey = cv2.cvtColor(request.context.picture(request.side), cv2.COLOR_RGB2GRAY)
    return np.asarray(np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)))


def nothing(request: Request, number: int) -> np.ndarray:
    return np.zeros((request.side, request.side))


def loud(request: Request, number: int) -> np.ndarray:
    """Shared noise of the seed, and under it what the model's first weight says of a slope."""
    side = request.side
    weight = float(next(request.classifier.network.parameters()).detach()[0, 0, 0, 0])
    slope = np.tile(np.sin(np.arange(side) * 1000 * weight), (side, 1))
    return slope + 5 * np.random.default_rng([request.seed, number]).standard_normal((side, side))
