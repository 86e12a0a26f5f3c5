"""ResNet-50, VGG-19 and MobileNet-V3-Small: torchvision's layers as named stages."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

from torch import hub, nn
from torchvision import models

from core.errors import InputError
from core.models.staged import StagedNetwork

VGG_BLOCK_ENDS = {"block1": 4, "block2": 9, "block3": 18, "block4": 27, "block5": 36}  # stage: end in vgg19.features


def build_resnet50(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """ResNet-50 (He et al. 2016): stem, layer1 to layer4, pooled linear classifier; cut at layer4."""
    net = torchvision_network(models.resnet50, models.ResNet50_Weights.IMAGENET1K_V2, imagenet)
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)}
    stages |= {name: getattr(net, name) for name in ("layer1", "layer2", "layer3", "layer4")}
    stages["classifier"] = nn.Sequential(net.avgpool, nn.Flatten(), nn.Linear(2048, n_classes))
    return StagedNetwork(stages, cut="layer4")


def build_mobilenet_v3_small(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """MobileNet-V3-Small (Howard et al. 2019): thirteen feature stages, then its two-layer classifier.

    BatchNorm's momentum is 0.1 in place of torchvision's 0.01, which short runs on small sets never catch up with.
    """
    net = torchvision_network(models.mobilenet_v3_small, models.MobileNet_V3_Small_Weights.IMAGENET1K_V1, imagenet)
    stages: dict[str, nn.Module] = {f"features{i}": layer for i, layer in enumerate(net.features)}
    hidden = net.classifier[:-1]
    stages["classifier"] = nn.Sequential(net.avgpool, nn.Flatten(), *hidden, nn.Linear(1024, n_classes))
    network = StagedNetwork(stages, cut="features12")
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1
    return network


def build_vgg19(n_classes: int, imagenet: bool = False, batch_norm: bool = False) -> StagedNetwork:
    """VGG-19's sixteen convolutions (Simonyan & Zisserman 2015) with a small head, cut before the last max-pool.

    Global average pooling and two dense layers (512 -> 256 -> classes) stand in place of the published head of
    120 million parameters. With `batch_norm` every convolution is followed by a batch normalisation, as training from
    scratch needs; `core.models.staged.fold_batch_norm` gives the plain network afterwards.
    """
    features = torchvision_network(models.vgg19, models.VGG19_Weights.IMAGENET1K_V1, imagenet).features
    stages: dict[str, nn.Module] = {}
    start = 0
    for name, end in VGG_BLOCK_ENDS.items():
        stages[name] = nn.Sequential(*_with_norm(features[start:end], batch_norm))
        start = end
    head = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, n_classes))
    stages["classifier"] = nn.Sequential(features[36], nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)
    return StagedNetwork(stages, cut="block5")


def _with_norm(layers: nn.Sequential, batch_norm: bool) -> list[nn.Module]:
    listed: list[nn.Module] = []
    for layer in layers:
        listed.append(layer)
        if batch_norm and isinstance(layer, nn.Conv2d):
            listed.append(nn.BatchNorm2d(layer.out_channels))
    return listed


def torchvision_network(build: Any, weights: Any, imagenet: bool, **options: Any) -> Any:
    """Build torchvision's network, with its ImageNet `weights` where asked; InputError when they cannot be had."""
    if imagenet:
        _have(build, weights)
    return build(weights=weights if imagenet else None, **options)


def _have(build: Any, weights: Any) -> None:
    """Download the weights where they are not there yet, and see that they hold tensors alone.

    torchvision unpickles the file without looking, and compares its hash on the day of the download alone.
    """
    try:
        weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        raise InputError(
            f"The ImageNet weights of {build.__name__} could not be downloaded ({error}). "
            'Connect to the internet, or train from scratch with weights = "none" in the recipe.'
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, AttributeError, UnpicklingError) as error:
        file = Path(hub.get_dir()) / "checkpoints" / Path(weights.url).name
        raise InputError(
            f"The ImageNet weights of {build.__name__} arrived damaged, or are not torchvision's. Delete {file}, if it "
            'is there, and try again; or train from scratch with weights = "none" in the recipe.'
        ) from error
