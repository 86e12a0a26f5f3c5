"""The architectures that can be trained, loaded and explained. A new one is one builder and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import InputError
from core.models.efficientnet_lite import build_efficientnet_lite0
from core.models.networks import (
    build_densenet201,
    build_inception_v3,
    build_islam_cnn,
    build_mobilenet_v2,
    build_mobilenet_v3_small,
    build_resnet50,
    build_tiny_cnn,
    build_vgg19,
)
from core.models.staged import StagedNetwork


@dataclass(frozen=True)
class Architecture:
    """A kind of network: how to build it, its input side in px, and its parameters as published, in millions.

    `smallest` is the least input side in px that it takes; `slow_in_bfloat16` names the work ("masks", "gradients")
    that float32 is faster for on processors that have both.
    """

    name: str
    title: str
    build: Callable[..., StagedNetwork]
    input_size: int
    published_millions: float | None
    source: str
    slow_in_bfloat16: tuple[str, ...] = ()
    smallest: int = 32


_ALL = (
    Architecture("resnet50", "ResNet-50", build_resnet50, 224, 25.56, "He et al. 2016"),
    Architecture("vgg19", "VGG-19", build_vgg19, 224, 143.67, "Simonyan & Zisserman 2015"),
    Architecture(
        "mobilenet_v3_small",
        "MobileNet-V3-Small",
        build_mobilenet_v3_small,
        224,
        2.54,
        "Howard et al. 2019",
        slow_in_bfloat16=("gradients",),
    ),
    Architecture("islam_cnn", "Custom CNN", build_islam_cnn, 120, None, "Islam et al. 2024"),
    Architecture("efficientnet_lite0", "EfficientNet-Lite0", build_efficientnet_lite0, 224, 4.65, "Tan & Le 2019"),
    Architecture("tiny_cnn", "Tiny CNN", build_tiny_cnn, 64, None, "LeukoLens, for lessons"),
    Architecture("inception_v3", "Inception V3", build_inception_v3, 120, 23.85, "Szegedy et al. 2016", smallest=75),
    Architecture("mobilenet_v2", "MobileNetV2", build_mobilenet_v2, 120, 3.50, "Sandler et al. 2018"),
    Architecture("densenet201", "DenseNet-201", build_densenet201, 120, 20.01, "Huang et al. 2017"),
)
SHIPPED: tuple[str, ...] = (
    "resnet50",
    "vgg19",
    "mobilenet_v3_small",
    "islam_cnn",
    "efficientnet_lite0",
)  # those with weights of ours
ARCHITECTURES: dict[str, Architecture] = {entry.name: entry for entry in _ALL}
if len(ARCHITECTURES) != len(_ALL):
    raise ValueError("two architectures share a name")


def architecture(name: str) -> Architecture:
    """Return the architecture `name`; InputError lists the known ones."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        raise InputError(f"No architecture {name!r}. Known: {', '.join(ARCHITECTURES)}.") from None
