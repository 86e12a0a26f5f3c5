"""A copy of a classifier that unlearns stage by stage."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.classifier import Classifier
from core.models.staged import StagedNetwork

NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


def apart(classifier: Classifier, mark: str, network: StagedNetwork | None = None) -> Classifier:
    """A classifier with a network of its own, that no cache takes for the original: `mark` is part of its identity."""
    own = copy.deepcopy(classifier.network) if network is None else network
    sha = f"{classifier.weights_sha256}-{mark}"
    return replace(classifier, network=own, weights_sha256=sha, feature_space=None, _inference_copies={}, _lock=Lock())


def forget(network: StagedNetwork, stages: Sequence[str], seed: Sequence[int]) -> None:
    """Draw the weights of `stages` anew, in place; only for a network of one's own.

    Convolutions and linear layers get He et al.'s normal weights (2015, eq. 10, which keeps the signal's scale through
    any depth; torch's default would let it fade) and zero biases; normalisations pass on what they normalise. No
    generator but one of `seed` is used.
    """
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    with torch.no_grad():
        for name in stages:
            for layer in network.stages[name].modules():
                for kind, weights in layer.named_parameters(recurse=False):
                    _draw(layer, kind, weights, generator)


def settle(network: StagedNetwork, stages: Sequence[str], inputs: Tensor) -> None:
    """Estimate the running statistics of the batch normalisations in `stages` anew, from the batch `(N, 3, S, S)`."""
    norms = [layer for name in stages for layer in network.stages[name].modules() if isinstance(layer, _BatchNorm)]
    norms = [layer for layer in norms if layer.track_running_stats]
    if not norms:
        return
    pace = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        network(inputs)
    for layer, momentum in zip(norms, pace, strict=True):
        layer.momentum = momentum
        layer.eval()


def symmetries(inputs: Tensor) -> Tensor:
    """A picture `(1, 3, S, S)` and its three mirror images: enough places for statistics of coarse grids."""
    return torch.cat([inputs, inputs.flip(2), inputs.flip(3), inputs.flip((2, 3))])


def _draw(layer: nn.Module, kind: str, weights: Tensor, generator: torch.Generator) -> None:
    if isinstance(layer, NORMS):
        weights.fill_(1.0 if kind == "weight" else 0.0)
    elif weights.ndim >= 2:
        fresh = torch.empty(weights.shape)
        nn.init.kaiming_normal_(fresh, nonlinearity="relu", generator=generator)
        weights.copy_(fresh)
    else:
        weights.zero_()
