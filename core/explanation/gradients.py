"""Activations at a network's cut and the gradients of every class with respect to them, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import InputError
from core.explanation.scene import nbytes_of
from core.models.staged import StagedNetwork


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
