"""Gradients of every class's logit: with respect to the activations at a network's cut, in one pass, and with respect
to the pixels of many pictures at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.context import nbytes_of
from core.models.classifier import Classifier, standardise
from core.models.staged import DTYPES, StagedNetwork

PixelNetwork = Callable[[Tensor], Tensor]

# Pictures a pass by millions of parameters, measured on 2 cores: more gain nothing and make steps long.
_BATCHES: dict[str, tuple[tuple[float, int], ...]] = {
    "float32": ((15, 8), (float("inf"), 1)),
    "bfloat16": ((15, 8), (float("inf"), 2)),
}

_BATCH_ON_GPU = 32


@dataclass(frozen=True)
class ClassGradients:
    """`activations` `(C, h, w)`, `gradients` `(K, C, h, w)` of each class's logit, `logits` `(K,)`; all float32."""

    activations: NDArray[np.float32]
    gradients: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.activations, self.gradients, self.logits)


def class_gradients(network: StagedNetwork, inputs: Tensor, cut: str | None = None) -> ClassGradients:
    """Gradients of all K logits of one picture `(1, 3, S, S)` with respect to the activations at `cut`.

    One forward pass without gradients through `features`; then the head alone, run on K copies of the activations as
    one batch, so that one backward pass gives the gradients of all classes. No hook, no module state is touched.
    """
    with torch.no_grad():
        activations = network.features(inputs, cut)
        classes = network.head(activations.clone(), cut).shape[1]
    with torch.enable_grad():
        copies = activations.repeat(classes, 1, 1, 1).requires_grad_()  # (K, C, h, w)
        logits = network.head(copies.clone(), cut)  # (K, K), rows alike
        (gradients,) = torch.autograd.grad(logits.diagonal().sum(), copies)
    if not torch.isfinite(logits).all():
        raise InputError("The model's outputs are not finite numbers: its checkpoint is broken, nothing to explain.")
    return ClassGradients(
        activations[0].float().cpu().numpy(), gradients.float().cpu().numpy(), logits[0].detach().float().cpu().numpy()
    )


def pixel_network(classifier: Classifier, precision: str) -> PixelNetwork:
    """The function explained: pictures `(n, 3, S, S) float32` in [0, 1] -> logits `(n, K) float32`.

    Standardisation is part of it. It raises InputError where logits are not finite.
    """
    network, dtype = classifier.inference_copy(precision), DTYPES[precision]
    scaling = classifier.card.scaling

    def logits_of(pictures: Tensor) -> Tensor:
        return classifier.finite(network(standardise(pictures, scaling).to(dtype)).float())

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
