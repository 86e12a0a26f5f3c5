"""Gradients of every class's logit with respect to the pixels, many pictures at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.classifier import Classifier
from core.models.staged import DTYPES
from core.transform import standardise

PixelNetwork = Callable[[Tensor], Tensor]

# Pictures a pass by millions of parameters, measured on 2 cores: more gain nothing and make steps long.
_BATCHES: dict[str, tuple[tuple[float, int], ...]] = {
    "float32": ((15, 8), (float("inf"), 1)),
    "bfloat16": ((15, 8), (float("inf"), 2)),
}
_BATCH_ON_GPU = 32


def pixel_network(classifier: Classifier, precision: str) -> PixelNetwork:
    """The function explained: pictures `(n, 3, S, S) float32` in [0, 1] -> logits `(n, K) float32`.

    Standardisation is part of it. It raises InputError where logits are not finite.
    """
    network, dtype = classifier.inference_copy(precision), DTYPES[precision]

    def logits_of(pictures: Tensor) -> Tensor:
        return classifier.finite(network(standardise(pictures).to(dtype)).float())

    return logits_of


def pixel_gradients(network: PixelNetwork, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Logits `(n, K)` of pictures `(n, 3, S, S)` and their gradients `(K, n, 3, S, S)`.

    One forward pass and K backward passes on its graph, with respect to the pictures alone.
    """
    with torch.enable_grad():
        inputs = pictures.detach().requires_grad_()
        logits = network(inputs)
        last = logits.shape[1] - 1
        gradients = [
            torch.autograd.grad(logits[:, place].sum(), inputs, retain_graph=place < last)[0]
            for place in range(last + 1)
        ]
    return logits.detach(), torch.stack(gradients)


def pixels(classifier: Classifier, rgb: NDArray[np.uint8]) -> Tensor:
    """Pictures `(n, S, S, 3) uint8` -> `(n, 3, S, S) float32` in [0, 1], on the network's device."""
    return torch.from_numpy(rgb).to(classifier.device).permute(0, 3, 1, 2).float().div(255)


def batch_of(classifier: Classifier, precision: str) -> int:
    """How many pictures to send through a model at once: fixed for a model, so that rounding is repeatable."""
    if classifier.device.type != "cpu":
        return _BATCH_ON_GPU
    millions = classifier.card.parameters / 1e6
    return next(pictures for limit, pictures in _BATCHES[precision] if millions <= limit)
