"""Inception V3, MobileNetV2 and DenseNet-201, the networks that Islam et al. 2024 compare with, as named stages."""

from __future__ import annotations

from torch import nn
from torchvision import models

from core.models.staged import StagedNetwork
from core.models.torchvision_networks import torchvision_network

INCEPTION_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1")
INCEPTION_STEM_2 = ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2")


def build_inception_v3(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """Inception V3 (Szegedy et al. 2016) without its auxiliary head, for sides from 75 px; cut at the last block.

    At 120 px the last grid is 2 x 2, at 299 px, the published side, 8 x 8.
    """
    options = {} if imagenet else {"init_weights": False}
    weights = models.Inception_V3_Weights.IMAGENET1K_V1
    net = torchvision_network(models.inception_v3, weights, imagenet, aux_logits=False, **options)
    stages: dict[str, nn.Module] = {
        "stem1": nn.Sequential(*(getattr(net, name) for name in INCEPTION_STEM)),
        "stem2": nn.Sequential(*(getattr(net, name) for name in INCEPTION_STEM_2)),
    }
    stages |= {name.lower(): block for name, block in net.named_children() if name.startswith("Mixed")}
    stages["classifier"] = _classifier(2048, n_classes, dropout=0.5)
    return StagedNetwork(stages, cut="mixed_7c")


def build_mobilenet_v2(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """MobileNetV2 (Sandler et al. 2018): nineteen feature stages and a linear classifier; cut at the last one."""
    net = torchvision_network(models.mobilenet_v2, models.MobileNet_V2_Weights.IMAGENET1K_V2, imagenet)
    stages: dict[str, nn.Module] = {f"features{i}": layer for i, layer in enumerate(net.features)}
    stages["classifier"] = _classifier(1280, n_classes, dropout=0.2)
    return StagedNetwork(stages, cut="features18")


def build_densenet201(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """DenseNet-201 (Huang et al. 2017): stem, four dense blocks with their transitions; cut at the last activation."""
    net = torchvision_network(models.densenet201, models.DenseNet201_Weights.IMAGENET1K_V1, imagenet)
    parts = dict(net.features.named_children())
    stages: dict[str, nn.Module] = {
        "stem": nn.Sequential(*(parts[name] for name in ("conv0", "norm0", "relu0", "pool0")))
    }
    for number in (1, 2, 3):
        stages[f"block{number}"] = nn.Sequential(parts[f"denseblock{number}"], parts[f"transition{number}"])
    stages["block4"] = nn.Sequential(parts["denseblock4"], parts["norm5"], nn.ReLU())
    stages["classifier"] = _classifier(1920, n_classes)
    return StagedNetwork(stages, cut="block4")


def _classifier(channels: int, n_classes: int, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear(channels, n_classes))
