"""SHAP by expected gradients: Shapley values of pixels, from gradients between background pictures and the picture."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.baselines import background
from core.explanation.context import nbytes_of
from core.explanation.gradients import PixelNetwork, batch_of, pixel_gradients, pixel_network, pixels
from core.explanation.method import Estimator, Maps, Method, MethodSettings, Request, one_step
from core.explanation.sampling import SpreadMean, spread_draws
from core.settings import choice_field, number_field


def expected_gradients(network: PixelNetwork, picture: Tensor, backgrounds: Tensor, alphas: Tensor) -> Tensor:
    """What each draw says of each class and pixel, `(K, n, C, S, S)`; expected gradients are the mean over draws.

    Of a `picture` `(C, S, S)` x, draw i with the background picture x' of `backgrounds` `(n, C, S, S)` and alpha of
    `alphas` `(n,) float64` in [0, 1] gives (x - x') times the gradient at x' + alpha (x - x') (Erion et al. 2021;
    the same values as shap's GradientExplainer for the same draws).
    """
    share = alphas[:, None, None, None]
    between = share.to(picture.dtype) * picture + (1 - share).to(picture.dtype) * backgrounds
    _, gradients = pixel_gradients(network, between)
    return gradients.mul_(picture - backgrounds)


class ExpectedGradientsSettings(MethodSettings):
    """Settings of expected gradients."""

    budget_name = "samples"

    samples: int = number_field(
        200,
        4,
        5000,
        "Samples",
        "Places on the ways from background pictures; the standard error falls faster than with their square root.",
    )
    background: Literal["cells", "many-cells", "blur", "mean", "inpaint", "smear"] = choice_field(
        "cells",
        "Background",
        "What the picture is compared with: 25 simulated cells, five a class, or 100; or one picture: this one "
        "blurred, its mean colour, its cell painted over, or the colour of the smear's empty field.",
    )


class ExpectedGradientsEstimator(Estimator):
    """Mean over draws that are spread evenly over background pictures and paths; values are summed over colours."""

    request: Request[ExpectedGradientsSettings]

    def __init__(self, request: Request[ExpectedGradientsSettings]) -> None:
        super().__init__(request)
        classifier = request.classifier
        self._background = background(request.context, request.settings.background, classifier.card.framing)
        self._network = pixel_network(classifier, request.precision)
        self._batch = batch_of(classifier, request.precision)
        self._picture: Tensor | None = None  # (3, S, S)
        self._output: NDArray[np.float32] | None = None  # (K,)
        self._seen: dict[int, NDArray[np.float32]] = {}  # outputs (K,) of background pictures
        self._mean = SpreadMean(self._background.count)

    @property
    def evaluations(self) -> int:
        """Draws: a forward pass and a backward pass a class each."""
        return self._mean.count

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._picture, self._output, self._seen, self._mean)

    def advance(self) -> None:
        """Take some more draws."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        first = self._mean.count
        last = min(first + self._batch, self.budget)
        numbers, alphas = spread_draws(self.request.seed, self._background.count, first, last)
        if self._picture is None:
            self._picture = self._pixels(self.request.context.picture(self.request.side)[None])[0]
            self._output = self._outputs(self._picture[None])[0]
        pictures = self._pixels(self._background.pictures(numbers, self.request.side))
        self._remember(numbers, pictures)
        values = expected_gradients(
            self._network, self._picture, pictures, torch.from_numpy(alphas).to(pictures.device)
        )
        self._mean.add(values.sum(dim=2).cpu().numpy(), numbers, alphas)

    def _remember(self, numbers: NDArray[np.int64], pictures: Tensor) -> None:
        new = [place for place, number in enumerate(numbers) if int(number) not in self._seen]
        if new:
            outputs = self._outputs(pictures[new])
            self._seen.update((int(numbers[place]), output) for place, output in zip(new, outputs, strict=True))

    def _pixels(self, rgb: NDArray[np.uint8]) -> Tensor:
        return pixels(self.request.classifier, rgb)

    def _outputs(self, pictures: Tensor) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(self._network(pictures).cpu().numpy())

    def maps(self) -> Maps:
        """The mean of the draws so far `(K, S, S)`, its standard error and the completeness gap.

        The gap compares the sum of values with f(x) less the mean output on the background pictures drawn so far (all
        of them from the first full round on).
        """
        if self._output is None or self._mean.count == 0:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        values = self._mean.mean
        total = self._output - np.mean(list(self._seen.values()), axis=0)
        note = f"Background: {self._background.sentence}."
        return Maps(values, error=self._mean.error, gap=completeness_gap(values, total), note=note, total=total)


def completeness_gap(values: NDArray[np.float32], differences: NDArray[np.floating]) -> NDArray[np.float32]:
    """(Sum of a map - difference of outputs) / |difference|, for maps `(K, S, S)`; 0 where both are 0."""
    left = values.sum(axis=(1, 2), dtype=np.float64) - differences
    size = np.abs(differences).astype(np.float64)
    return np.where(left == 0, 0.0, left / np.maximum(size, 1e-12)).astype(np.float32)


EXPECTED_GRADIENTS = Method(
    "shap",
    "SHAP (expected gradients)",
    "gradients",
    True,
    "logit",
    "Erion et al. 2021 (expected gradients)",
    "How much each pixel moves the class's logit away from its mean over background pictures: gradients on the way "
    "from them to the picture, averaged. The values add up to that difference.",
    ExpectedGradientsEstimator,
    ExpectedGradientsSettings,
    uncertainty="standard error",
    linear=True,
    needs=("gradients",),
)
