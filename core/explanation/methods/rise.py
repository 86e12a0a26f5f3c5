"""RISE: how probable a class is on average while a pixel is kept, over random smooth masks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import BaselineSettings
from core.explanation.context import SIDE, nbytes_of
from core.explanation.method import Estimator, Maps, Method, Request, one_step
from core.explanation.perturbation import HiddenViews
from core.explanation.sampling import ProductMeans
from core.settings import number_field

Mask = NDArray[np.float32]


class RiseSettings(BaselineSettings):
    """Settings of RISE."""

    budget_name = "samples"

    samples: int = number_field(
        1000, 10, 20_000, "Samples", "Random masks; the standard error falls with the square root of their number."
    )
    grid: int = number_field(7, 4, 16, "Grid", "Cells of a mask's grid a side; finer ones show detail and need more.")
    keep: float = number_field(
        0.5,
        0.1,
        0.9,
        "Share kept",
        "Probability that a cell of the mask is kept; at 0.5 masks come in pairs that complete each other, which "
        "settles sooner.",
    )


class RiseEstimator(Estimator):
    """Means over the masks so far; where half of the grid is kept, each mask is followed by its complement.

    A complement is as likely as its mask then, so that the estimate stays unbiased, and every pixel is kept equally
    often: the noise that the paper's estimate has from pixels kept by chance more often than others is gone.
    """

    request: Request[RiseSettings]

    def __init__(self, request: Request[RiseSettings]) -> None:
        super().__init__(request)
        self._views = HiddenViews(request)
        self._keep = request.settings.keep
        self._paired = self._keep == 0.5
        self._probability = np.zeros(len(request.classifier.card.classes))  # sum over masks
        self._draws = ProductMeans(len(self._probability), request.side**2, not self._paired)

    @property
    def evaluations(self) -> int:
        """Masks evaluated."""
        return self._draws.count * (2 if self._paired else 1)

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._views, self._probability, self._draws)

    def advance(self) -> None:
        """Evaluate some more masks."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        each = 2 if self._paired else 1
        count = max(1, min(self._views.block, self.budget - self.evaluations) // each)
        grid, seed = self.request.settings.grid, self.request.seed
        numbers = range(self._draws.count, self._draws.count + count)
        masks = np.stack([rise_mask(seed, n, grid, self._keep, self.request.side) for n in numbers])
        asked = np.stack([masks, 1 - masks], axis=1).reshape(-1, *masks.shape[1:]) if self._paired else masks
        probabilities = self.request.classifier.probabilities(self._views.logits(asked))  # (n, K)
        self._probability += probabilities.sum(axis=0)
        if self._paired:
            probabilities = (probabilities[::2] - probabilities[1::2]) / 2
        self._draws.add(probabilities, masks.reshape(count, -1) - np.float32(self._keep))

    def expected(self) -> NDArray[np.float32]:
        """The paper's map `(K, S, S)`, eq. 6: the class's mean probability while the pixel is kept."""
        self._check()
        return self._shaped(self._draws.plain() / self._keep + (self._probability / self.evaluations)[:, None])

    def maps(self) -> Maps:
        """The paper's map less the class's mean probability, `(K, S, S)`, and its standard error.

        What is subtracted is taken at each pixel in the share in which the masks kept it (a control variate), which
        equals the plain mean in pairs, and removes the noise of uneven cover otherwise.
        """
        self._check()
        values, error = self._draws.means_and_errors()
        return Maps(self._shaped(values / self._keep), error=self._shaped(error / self._keep), note=self._note())

    def _note(self) -> str:
        labels = self.request.classifier.card.classes
        means = self._probability / self.evaluations
        listed = ", ".join(f"{label} {mean:.3f}" for label, mean in zip(labels, means, strict=True))
        about = "" if self._paired else "about "
        return f"Mean probability under the masks: {listed}. Added to a map, it gives {about}the paper's values."

    def _shaped(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        return values.reshape(-1, self.request.side, self.request.side).astype(np.float32)

    def _check(self) -> None:
        if self._draws.count == 0:
            raise InputError("Nothing has been evaluated yet: do a step first.")


def rise_mask(seed: int, number: int, grid: int, keep: float, side: int) -> Mask:
    """The `number`-th mask of `seed`, `(side, side)` in [0, 1]: the share kept of each pixel, `keep` on average.

    A `grid` x `grid` of cells, each kept with probability `keep`, enlarged by linear interpolation to one cell more
    than the picture and cut out at random (section 3.2). It is made at SIDE px and scaled, the same for all models.
    """
    generator = np.random.default_rng([seed, number])
    cells = (generator.random((grid, grid)) < keep).astype(np.float32)
    cell = -(-SIDE // grid)
    enlarged = cv2.resize(cells, ((grid + 1) * cell, (grid + 1) * cell), interpolation=cv2.INTER_LINEAR)
    top, left = generator.integers(0, cell, 2)
    mask = enlarged[top : top + SIDE, left : left + SIDE]
    return np.asarray(mask if side == SIDE else cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR))


RISE = Method(
    "rise",
    "RISE",
    "masks",
    True,
    "probability",
    "Petsiuk et al. 2018, eq. 6",
    "Hides the picture behind random smooth masks: a value says how much more probable the class is while the pixel "
    "is kept than under the masks on average. The paper shows the mean probability itself; the difference has a zero "
    "that means something.",
    RiseEstimator,
    RiseSettings,
    uncertainty="standard error",
    linear=True,
)
