"""A network that a library may hook and run backwards: a copy of its own, which counts the pictures it is shown."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.models.classifier import Classifier, standardise
from core.models.staged import StagedNetwork

BATCH = 8  # pictures a pass

Tell = Callable[[int, int], None]


def silent(done: int, expected: int) -> None:
    """Tell nobody."""


class PrivateNetwork(nn.Module):
    """A copy of a classifier's network in float32 and in the plain layout, unfolded; gradients reach its weights.

    `expected` is how many pictures it will be shown in all, and `tell` hears of each pass how many it was shown by
    then.
    """

    def __init__(self, classifier: Classifier, tell: Tell = silent) -> None:
        super().__init__()
        copied: StagedNetwork = copy.deepcopy(classifier.network).float().eval()
        self.network = copied.to(memory_format=torch.contiguous_format).requires_grad_(True)
        self.scaling = classifier.card.scaling
        self.expected = 0
        self._shown = 0
        self._tell = tell

    def forward(self, inputs: Tensor) -> Tensor:
        """Standardised pictures `(n, 3, S, S)` -> logits `(n, K)`."""
        self._shown += len(inputs)
        self._tell(self._shown, max(self.expected, self._shown))
        return self.network(inputs)

    def of_pictures(self, pictures: NDArray[np.generic]) -> NDArray[np.float64]:
        """Logits `(n, K)` of RGB pictures `(n, S, S, 3)` with levels in 0..255, without gradients."""
        found = []
        for at in range(0, len(pictures), BATCH):
            with torch.no_grad():
                found.append(self(standardise(tensor_of(pictures[at : at + BATCH]), self.scaling)).double().numpy())
        return np.concatenate(found)


class PixelNetwork(nn.Module):
    """Pictures `(n, 3, S, S)` in [0, 1] -> logits of the classes `indices` `(n, k)`, standardisation included."""

    def __init__(self, network: PrivateNetwork, indices: list[int] | None = None) -> None:
        super().__init__()
        self.network = network
        self.indices = indices

    def forward(self, pictures: Tensor) -> Tensor:
        """Standardise, run, choose."""
        logits: Tensor = self.network(standardise(pictures, self.network.scaling))
        return logits if self.indices is None else logits[:, self.indices]


def tensor_of(pictures: NDArray[np.generic]) -> Tensor:
    """RGB pictures `(n, S, S, 3)` with levels in 0..255 -> `(n, 3, S, S) float32` in [0, 1]."""
    return torch.from_numpy(np.asarray(pictures, dtype=np.float32)).permute(0, 3, 1, 2) / 255
