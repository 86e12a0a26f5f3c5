"""The custom CNN of Islam et al. 2024, for input of 120x120 px."""

from __future__ import annotations

from torch import nn

from core.errors import InputError
from core.models.staged import StagedNetwork

FILTERS = (32, 64, 128, 256)  # assumed: the paper says that they grow
DENSE = ((512, 0.7), (128, 0.5), (64, 0.3))  # units and dropout


def build_islam_cnn(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """The custom CNN of Islam et al. 2024: two plain convolutions, four separable blocks, three dense layers.

    From the paper: input 120x120x3; a first block of two convolutions of 16 filters, ReLU, max-pool; separable blocks
    with growing filters, batch normalisation and max-pool, dropout 0.2 in the fourth and fifth; dense 512, 128, 64 with
    tanh and dropout 0.7, 0.5, 0.3; Glorot uniform. Assumed where the paper is silent: 3x3 kernels, "same" padding, two
    separable convolutions a block, filters 32, 64, 128, 256, normalisation before the max-pool, and the dense part
    counted as the sixth block. With four classes that is 1,396,068 parameters: 5.6 MB in float32, 2.8 MB in fp16, and
    16.8 MB as Keras saves it with Nadam's two moments, beside the paper's 14.3 MB, which would be 1.19 million
    parameters kept so, or 3.6 million without the moments (twice as many filters give 2.97).
    The cut is the last convolution's activation, before its normalisation: a grid of 7x7.
    """
    if imagenet:
        raise InputError('islam_cnn has no ImageNet weights. Use weights = "none".')
    first = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    )
    stages: dict[str, nn.Module] = {"block1": first}
    channels = 16
    for number, filters in enumerate(FILTERS, start=2):
        stages[f"block{number}"] = nn.Sequential(*_separable(channels, filters), *_separable(filters, filters))
        stages[f"pool{number}"] = nn.Sequential(
            nn.BatchNorm2d(filters), nn.MaxPool2d(2), nn.Dropout2d(0.2) if number >= 4 else nn.Identity()
        )
        channels = filters
    stages["classifier"] = nn.Sequential(nn.Flatten(), *_dense(channels * 3 * 3), nn.Linear(DENSE[-1][0], n_classes))
    network = StagedNetwork(stages, cut="block5")
    network.apply(_glorot)
    return network


def _separable(channels: int, filters: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return [depthwise, nn.Conv2d(channels, filters, 1), nn.ReLU()]


def _dense(inputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for units, dropout in DENSE:
        layers += [nn.Linear(inputs, units), nn.Tanh(), nn.Dropout(dropout)]
        inputs = units
    return layers


def _glorot(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
