"""The networks as named stages: torchvision's ResNet-50, VGG-19 and MobileNet-V3-Small, the custom CNN of Islam et al.
2024 (input 120x120 px), and those that they compare it with, Inception V3, MobileNetV2 and DenseNet-201."""

from __future__ import annotations

import itertools
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

from torch import hub, nn

from core.errors import InputError
from core.models.staged import StagedNetwork

VGG_BLOCK_ENDS = {"block1": 4, "block2": 9, "block3": 18, "block4": 27, "block5": 36}  # stage: end in vgg19.features
FILTERS = (32, 64, 128, 256)  # assumed: the paper says that they grow
TINY = (3, 16, 32, 48, 64)  # channels of the tiny CNN
DENSE = ((512, 0.7), (128, 0.5), (64, 0.3))  # units and dropout
INCEPTION_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1")
INCEPTION_STEM_2 = ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2")


def build_resnet50(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """ResNet-50 (He et al. 2016): stem, layer1 to layer4, pooled linear classifier; cut at layer4."""
    from torchvision import models

    net = torchvision_network(models.resnet50, models.ResNet50_Weights.IMAGENET1K_V2, imagenet)
    stages: dict[str, nn.Module] = {"stem": nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)}
    stages |= {name: getattr(net, name) for name in ("layer1", "layer2", "layer3", "layer4")}
    stages["classifier"] = nn.Sequential(net.avgpool, nn.Flatten(), nn.Linear(2048, n_classes))
    return StagedNetwork(stages, cut="layer4")


def build_mobilenet_v3_small(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """MobileNet-V3-Small (Howard et al. 2019): thirteen feature stages, then its two-layer classifier.

    BatchNorm's momentum is 0.1 in place of torchvision's 0.01, which short runs on small sets never catch up with.
    """
    from torchvision import models

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
    from torchvision import models

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


def build_inception_v3(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """Inception V3 (Szegedy et al. 2016) without its auxiliary head, for sides from 75 px; cut at the last block.

    At 120 px the last grid is 2 x 2, at 299 px, the published side, 8 x 8.
    """
    from torchvision import models

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
    from torchvision import models

    net = torchvision_network(models.mobilenet_v2, models.MobileNet_V2_Weights.IMAGENET1K_V2, imagenet)
    stages: dict[str, nn.Module] = {f"features{i}": layer for i, layer in enumerate(net.features)}
    stages["classifier"] = _classifier(1280, n_classes, dropout=0.2)
    return StagedNetwork(stages, cut="features18")


def build_densenet201(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """DenseNet-201 (Huang et al. 2017): stem, four dense blocks with their transitions; cut at the last activation."""
    from torchvision import models

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


def build_tiny_cnn(n_classes: int, imagenet: bool = False) -> StagedNetwork:
    """A network of 47,000 parameters for lessons, trained in a minute; its input has 64x64 px.

    Four 3x3 convolutions of 16, 32, 48 and 64 filters, each with batch normalisation, the first three with a max-pool;
    average pooling; one linear layer. The cut is the last convolution's stage: a grid of 8x8.
    """
    if imagenet:
        raise InputError('tiny_cnn has no ImageNet weights. Use weights = "none".')
    stages: dict[str, nn.Module] = {}
    for number, (before, filters) in enumerate(itertools.pairwise(TINY), start=1):
        layers = [nn.Conv2d(before, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]
        pool = [nn.MaxPool2d(2)] if number < len(TINY) - 1 else []
        stages[f"block{number}"] = nn.Sequential(*layers, *pool)
    stages["classifier"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(TINY[-1], n_classes))
    return StagedNetwork(stages, cut="block4")
