"""Integrated gradients: gradients on the straight way from a baseline to the picture, by a rule that can be refined."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.baselines import BaselineSettings, baseline
from core.explanation.context import nbytes_of
from core.explanation.gradients import batch_of, pixel_gradients, pixel_network, pixels
from core.explanation.method import Estimator, Maps, Method, Request, one_step
from core.explanation.methods.expected_gradients import completeness_gap
from core.explanation.sampling import van_der_corput
from core.settings import number_field


def path_points(first: int, last: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on the path and their weights, `(n,)` each, from number `first` up to `last`.

    Both ends, which count half, then halves, quarters, eighths and so on: after 2^j + 1 points the weighted mean is the
    trapezoid rule of 2^j intervals.
    """
    places = van_der_corput(np.maximum(np.arange(first, last) - 1, 0))
    weights = np.ones(last - first)
    for number, place in ((0, 0.0), (1, 1.0)):
        if first <= number < last:
            places[number - first], weights[number - first] = place, 0.5
    return places, weights


class IntegratedGradientsSettings(BaselineSettings):
    """Settings of integrated gradients."""

    budget_name = "steps"

    steps: int = number_field(
        64,
        4,
        1024,
        "Steps",
        "Intervals that the way is cut into, brought down to a power of two; raising them reuses all points.",
    )


class IntegratedGradientsEstimator(Estimator):
    """The trapezoid rule of 1, 2, 4, ... intervals; the maps are those of the last level that is complete.

    A level half done is no better than the one before (its points' mean is off at the ends), so that it is not shown,
    and one that the budget cannot complete is not begun.
    """

    request: Request[IntegratedGradientsSettings]

    def __init__(self, request: Request[IntegratedGradientsSettings]) -> None:
        super().__init__(request)
        self._network = pixel_network(request.classifier, request.precision)
        self._batch = batch_of(request.classifier, request.precision)
        self._ends: Tensor | None = None  # (2, 3, S, S): baseline, picture
        self._difference: NDArray[np.float32] | None = None  # (K,)
        self._points = 0
        self._intervals = 0  # of the last level complete
        self._level = np.zeros(())  # its sum, (K, S, S) after the first point
        self._new = np.zeros(())  # sum of the points since

    @property
    def evaluations(self) -> int:
        """Points on the path: a forward pass and a backward pass a class each."""
        return self._points

    @property
    def done(self) -> bool:
        """Whether the next level would take more steps than were asked for."""
        return self._points > self._intervals > self.budget // 2

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._ends, self._difference, self._level, self._new)

    def advance(self) -> None:
        """Add some points."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        start, end = self._path()
        level = max(2 * self._intervals, 1) + 1
        last = min(self._points + self._batch, level)
        places, weights = path_points(self._points, last)
        share = torch.from_numpy(places).to(start.device, start.dtype)[:, None, None, None]
        _, gradients = pixel_gradients(self._network, share * end + (1 - share) * start)
        values = gradients.mul_(end - start).sum(dim=2).double().cpu().numpy()  # (K, n, S, S)
        self._new = self._new + np.einsum("knij,n->kij", values, weights)
        self._points = last
        if last == level:
            self._level, self._new, self._intervals = self._level + self._new, np.zeros(()), level - 1

    def _path(self) -> Tensor:
        if self._ends is None:
            request = self.request
            hidden = baseline(request.context, request.settings.baseline, request.side)
            self._ends = pixels(request.classifier, np.stack([hidden, request.context.picture(request.side)]))
            with torch.no_grad():
                before, after = (self._network(end[None])[0] for end in self._ends)
            self._difference = (after - before).cpu().numpy()
        return self._ends

    def maps(self) -> Maps:
        """The integral `(K, S, S)` and the completeness gap, against f(picture) - f(baseline)."""
        if self._difference is None or self._intervals == 0:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        values = np.asarray(self._level / self._intervals, dtype=np.float32)
        note = f"Trapezoid rule with {self._intervals} {'interval' if self._intervals == 1 else 'intervals'}."
        return Maps(values, gap=completeness_gap(values, self._difference), note=note, total=self._difference)


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
    IntegratedGradientsSettings,
    uncertainty="gap",
    linear=True,
    needs=("gradients",),
)
