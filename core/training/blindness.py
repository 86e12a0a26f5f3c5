"""Networks that do not see the blue channel.

Stains and cameras differ most in blue: on a yellow stain a neutrophil's cytoplasm takes more blue light than red or
green, as an eosinophil's does on others. A network whose first convolution has no weights for blue cannot rely on it.
Images are standardised channel by channel, so that its answers do not change with the blue of a picture at all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLUE = 2


def blinded(network: nn.Module) -> nn.Module:
    """The same network, changed in place to take the mean of red and green for blue: its weights for blue are 0."""
    weight = _first(network)
    with torch.no_grad():
        weight[:, :BLUE] += weight[:, BLUE:] / 2
    return keep_blind(network)


def keep_blind(network: nn.Module) -> nn.Module:
    """The same network, its first convolution's weights for blue set to 0 in place."""
    with torch.no_grad():
        _first(network)[:, BLUE] = 0
    return network


def _first(network: nn.Module) -> Tensor:
    """The weights `(C, 3, k, k)` of the convolution that sees the picture."""
    return next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d)).weight
