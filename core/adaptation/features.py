"""What a network hands to its last layer, as it was trained or with the batch statistics of other cells."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.adaptation.head import Floats, LinearHead
from core.errors import InputError
from core.models.classifier import Classifier, to_tensor
from core.models.devices import within_memory
from core.models.staged import StagedNetwork, recalibrate_batchnorm

BATCH = 32
Views = Sequence[NDArray[np.uint8]]
Told = Callable[[int, int], object]
"""Hears how many pictures of how many have been worked on."""


def last_layer(network: StagedNetwork) -> nn.Linear:
    """The linear layer that ends the network; InputError where another kind of layer does."""
    layers = list(network.stages.values())[-1]
    last = layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else layers
    if not isinstance(last, nn.Linear):
        raise InputError("This network does not end in a linear layer: it cannot be fitted.")
    return last


def head_of(network: StagedNetwork) -> LinearHead:
    """The network's last layer, in double precision."""
    last = last_layer(network)
    weight = last.weight.detach().cpu().double().numpy()
    bias = np.zeros(len(weight)) if last.bias is None else last.bias.detach().cpu().double().numpy()
    return LinearHead(weight, bias)


def with_head(network: StagedNetwork, head: LinearHead) -> StagedNetwork:
    """A copy of the network that ends in `head`."""
    own = copy.deepcopy(network)
    last = last_layer(own)
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(head.weight))
        if last.bias is not None:
            last.bias.copy_(torch.from_numpy(head.bias))
    return own


def penultimate(network: StagedNetwork, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """`(N, 3, S, S)` -> what the last layer is given `(N, D)`, and the pooled activations of the cut `(N, C)`."""
    names = list(network.stages)
    with torch.no_grad():
        activations = network.features(inputs)
        found = activations
        for name in names[names.index(network.cut) + 1 : -1]:
            found = network.stages[name](found)
        layers = network.stages[names[-1]]
        found = layers[:-1](found) if isinstance(layers, nn.Sequential) else found
    return found, activations.mean(dim=(2, 3))


def features_of(classifier: Classifier, network: StagedNetwork, views: Views, told: Told) -> tuple[Floats, Tensor]:
    """Features `(N, D)` and pooled activations `(N, C)` of framed pictures; `told` hears after each batch."""
    width, parts = last_layer(network).in_features, []

    def side_by_side(inputs: Tensor) -> Tensor:
        return torch.cat(penultimate(network, inputs), dim=1)

    def on_processor(inputs: Tensor) -> Tensor:
        return torch.cat(penultimate(copy.deepcopy(network).to("cpu"), inputs), dim=1)

    for start in range(0, len(views), BATCH):
        inputs = _inputs(classifier, views[start : start + BATCH])
        parts.append(within_memory(side_by_side, inputs, on_processor).float().cpu())
        told(min(start + BATCH, len(views)), len(views))
    found = torch.cat(parts)
    return found[:, :width].double().numpy(), found[:, width:]


def _inputs(classifier: Classifier, views: Views) -> Tensor:
    return to_tensor(views, classifier.card.input_size, classifier.card.scaling).to(classifier.device)


def has_batch_statistics(network: StagedNetwork) -> bool:
    """Whether a batch normalisation with running statistics stands in the network."""
    return any(isinstance(layer, _BatchNorm) and layer.track_running_stats for layer in network.modules())


def with_statistics_of(classifier: Classifier, views: Views, seed: int, told: Told) -> StagedNetwork:
    """A copy of the network whose batch normalisations have the mean and variance of these pictures (Nado et al. 2020,
    there of each batch, here of all), in an order of its own, so that no batch is of one class alone.
    """
    own = copy.deepcopy(classifier.network)
    order = np.random.default_rng(seed).permutation(len(views))
    recalibrate_batchnorm(own, list(own.stages), _batches(classifier, views, order, told))
    return own


def _batches(classifier: Classifier, views: Views, order: NDArray[np.int64], told: Told) -> Iterator[Tensor]:
    """Batches of at least half the usual size, for statistics of a few pictures are worth little."""
    count = max(1, round(len(order) / BATCH))
    done = 0
    for part in np.array_split(order, count):
        yield _inputs(classifier, [views[place] for place in part])
        done += len(part)
        told(done, len(order))
