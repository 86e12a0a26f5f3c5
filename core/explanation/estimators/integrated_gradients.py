"""Integrated gradients: gradients on the straight way from a baseline to the picture, by a rule that can be refined."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.baselines import BASELINE, baseline
from core.explanation.controls import Control
from core.explanation.draws import van_der_corput
from core.explanation.estimator import Estimator, Maps, Request
from core.explanation.estimators.expected_gradients import completeness_gap
from core.explanation.method import Method
from core.explanation.pace import one_step
from core.explanation.pixel_gradients import batch_of, pixel_gradients, pixel_network, pixels


def path_points(first: int, last: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on the path and their weights, `(n,)` each, from number `first` up to `last`.

    Both ends, which count half, then halves, quarters, eighths and so on: after 2^j + 1 points the weighted mean is the
    trapezoid rule of 2^j intervals, and between two such levels the new points are spread over the whole path.
    """
    places = van_der_corput(np.maximum(np.arange(first, last) - 1, 0))
    weights = np.ones(last - first)
    for number, place in ((0, 0.0), (1, 1.0)):
        if first <= number < last:
            places[number - first], weights[number - first] = place, 0.5
    return places, weights


class IntegratedGradientsEstimator(Estimator):
    """Weighted mean of the gradients so far times (picture - baseline), summed over colours."""

    def __init__(self, request: Request, budget: int) -> None:
        super().__init__(request, budget)
        self._network = pixel_network(request.classifier, request.precision)
        self._batch = batch_of(request.classifier, request.precision)
        self._ends: Tensor | None = None  # (2, 3, S, S): baseline, picture
        self._difference: NDArray[np.float32] | None = None  # (K,)
        self._points = 0
        self._weight = 0.0
        self._sum: NDArray[np.float64] | float = 0.0  # (K, S, S)

    @property
    def evaluations(self) -> int:
        """Points on the path: a forward pass and a backward pass a class each."""
        return self._points

    @property
    def done(self) -> bool:
        """Whether there is a point more than the steps asked for."""
        return self._points > self.budget

    def advance(self) -> None:
        """Add some points."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        start, end = self._path()
        last = min(self._points + self._batch, self.budget + 1)
        places, weights = path_points(self._points, last)
        share = torch.from_numpy(places).to(start.device, start.dtype)[:, None, None, None]
        _, gradients = pixel_gradients(self._network, share * end + (1 - share) * start)
        values = gradients.mul_(end - start).sum(dim=2).double().cpu().numpy()  # (K, n, S, S)
        self._sum = self._sum + np.einsum("knij,n->kij", values, weights)
        self._weight += float(weights.sum())
        self._points = last

    def _path(self) -> Tensor:
        if self._ends is None:
            request = self.request
            hidden = baseline(request.scene, request.text("baseline"), request.side)
            self._ends = pixels(request.classifier, np.stack([hidden, request.scene.picture(request.side)]))
            with torch.no_grad():
                before, after = (self._network(end[None])[0] for end in self._ends)
            self._difference = (after - before).cpu().numpy()
        return self._ends

    def maps(self) -> Maps:
        """The integral so far `(K, S, S)` and the completeness gap, against f(picture) - f(baseline)."""
        if self._difference is None or self._points == 0:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        values = np.asarray(self._sum / self._weight, dtype=np.float32)
        return Maps(values, gap=completeness_gap(values, self._difference))


INTEGRATED_GRADIENTS = Method(
    "integrated-gradients",
    "Integrated gradients",
    "gradients",
    True,
    "logit",
    "Sundararajan et al. 2017, eq. 1",
    "Gradients of the class's logit on the straight way from a baseline to the picture, averaged, times what changed. "
    "The values add up to the difference of the logits; the gap says how nearly.",
    IntegratedGradientsEstimator,
    (
        Control(
            "steps",
            "Steps",
            "int",
            64,
            "Intervals that the way is cut into; powers of two give the trapezoid rule, and more of them reuse all points.",
            4,
            1024,
            budget=True,
        ),
        BASELINE,
    ),
    uncertainty="gap",
)
