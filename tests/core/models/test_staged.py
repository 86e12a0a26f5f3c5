from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from core.errors import InputError
from core.models.networks import build_vgg19
from core.models.registry import ARCHITECTURES, Architecture, architecture
from core.models.staged import StagedNetwork, fold_batch_norm

EVERY = pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
LAST_GRID = {
    "resnet50": (2048, 7, 7),
    "vgg19": (512, 14, 14),
    "mobilenet_v3_small": (576, 7, 7),
    "islam_cnn": (256, 7, 7),
    "inception_v3": (2048, 2, 2),
    "mobilenet_v2": (1280, 4, 4),
    "densenet201": (1920, 3, 3),
}


@EVERY
def test_every_cut_splits_the_same_function(kind: Architecture) -> None:
    torch.manual_seed(0)
    network = kind.build(5).eval()
    picture = torch.randn(1, 3, kind.input_size, kind.input_size)
    with torch.no_grad():
        whole = network(picture)
        for cut in network.cuts:
            halves = network.head(network.features(picture, cut).clone(), cut)
            torch.testing.assert_close(halves, whole, rtol=1e-5, atol=1e-6)
    assert whole.shape == (1, 5)


@EVERY
def test_the_default_cut_is_the_last_convolutions_grid(kind: Architecture) -> None:
    network = kind.build(5).eval()
    with torch.no_grad():
        grid = network.features(torch.zeros(1, 3, kind.input_size, kind.input_size))
    assert tuple(grid.shape[1:]) == LAST_GRID[kind.name]


def test_torchvisions_own_networks_compute_the_same() -> None:
    torch.manual_seed(0)
    picture = torch.randn(2, 3, 64, 64)
    upstream = models.resnet50(num_classes=5).eval()
    network = architecture("resnet50").build(5).eval()
    network.load_state_dict(dict(zip(network.state_dict(), upstream.state_dict().values(), strict=True)))
    with torch.no_grad():
        torch.testing.assert_close(network(picture), upstream(picture))


def test_the_vgg_cut_is_a_relu_before_the_last_max_pool() -> None:
    network = architecture("vgg19").build(5)
    block = network.stages["block5"]
    assert isinstance(block, nn.Sequential) and isinstance(block[-1], nn.ReLU)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 16


def test_folding_batch_norm_keeps_the_function_and_gives_the_plain_vgg() -> None:
    torch.manual_seed(0)
    trained = build_vgg19(5, batch_norm=True).train()
    picture = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        for _ in range(5):
            trained(picture)
        before = trained.eval()(picture)
        folded = fold_batch_norm(trained)
        torch.testing.assert_close(folded(picture), before, rtol=1e-4, atol=1e-5)
    build_vgg19(5).load_state_dict(folded.state_dict())


def test_islam_cnn_is_about_the_papers_size() -> None:
    count = sum(parameter.numel() for parameter in architecture("islam_cnn").build(5).parameters())
    kept_by_keras = 3 * 4 * count / 1e6  # weights and two moments of the optimiser, float32
    assert 14.3 * 0.8 < kept_by_keras < 14.3 * 1.2


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="Known: resnet50"):
        architecture("alexnet")
    with pytest.raises(InputError, match="ImageNet"):
        architecture("islam_cnn").build(5, imagenet=True)
    with pytest.raises(ValueError, match="cannot cut"):
        StagedNetwork({"only": nn.Identity()}, cut="only")
