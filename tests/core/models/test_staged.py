"""Copies for inference: the same function with fewer layers, and made while other threads use the network."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torchvision import models

from core.errors import InputError
from core.models.networks import build_vgg19
from core.models.registry import ARCHITECTURES, Architecture, architecture
from core.models.staged import StagedNetwork, fold_batch_norm, inference_copy

EVERY = pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
LAST_GRID = {
    "resnet50": (2048, 7, 7),
    "vgg19": (512, 14, 14),
    "mobilenet_v3_small": (576, 7, 7),
    "islam_cnn": (256, 7, 7),
    "efficientnet_lite0": (1280, 7, 7),
    "tiny_cnn": (64, 8, 8),
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


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


def used_norms(traced: nn.Module) -> int:
    """How many batch normalisations a traced network calls."""
    calls = [node for node in traced.graph.nodes if node.op == "call_module"]  # type: ignore[union-attr]
    return sum(isinstance(traced.get_submodule(str(call.target)), nn.BatchNorm2d) for call in calls)


def unsettle(network: StagedNetwork, seed: int = 0) -> StagedNetwork:
    """Give every batch normalisation statistics and weights that change what passes through it."""
    torch.manual_seed(seed)
    for norm in norms(network):
        if norm.running_mean is not None and norm.running_var is not None:
            nn.init.normal_(norm.running_mean, std=0.3)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.3)
    return network


def largest_share(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


@EVERY
def test_a_copy_computes_the_same_with_every_norm_folded_that_tracing_would_find(kind: Architecture) -> None:
    network = unsettle(kind.build(5)).eval()
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    picture = torch.randn(1, 3, kind.input_size, kind.input_size)
    copied = inference_copy(network, "float32")
    with torch.no_grad():
        wanted, activations = network(picture), network.features(picture)
        assert largest_share(copied(picture), wanted) < 1e-4
        assert largest_share(copied.features(picture), activations) < 1e-4
    assert len(norms(copied)) == used_norms(fuse(network))
    assert (list(copied.stages), copied.cut) == (list(network.stages), network.cut)
    assert not any(parameter.requires_grad for parameter in copied.parameters())
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_copy_of_a_training_network_is_in_evaluation_mode_and_of_the_precision() -> None:
    network = toy()
    copied = inference_copy(network.train(), "bfloat16")
    assert network.training and not any(layer.training for layer in copied.modules())
    assert {parameter.dtype for parameter in copied.parameters()} == {torch.bfloat16}
    weights = [layer.weight for layer in copied.modules() if isinstance(layer, nn.Conv2d)]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


class Backwards(nn.Sequential):
    """Runs its layers from the last to the first."""

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in reversed(list(self)):
            inputs = layer(inputs)
        return inputs


def test_what_runs_in_an_unknown_order_or_keeps_no_statistics_is_not_folded() -> None:
    batch = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False))
    linear = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    stages = {"order": Backwards(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), "batch": batch, "after": linear}
    network = unsettle(StagedNetwork(dict(stages), "batch")).eval()
    picture = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        wanted = network(picture)
        torch.testing.assert_close(fold_batch_norm(network)(picture), wanted)
    assert len(norms(network)) == 3


def toy() -> StagedNetwork:
    """Many small layers, so that a copy takes about as long as a pass."""
    layers = [layer for _ in range(12) for layer in (nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU())]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
    return unsettle(StagedNetwork({"body": nn.Sequential(*layers), "head": head}, "body"))


def test_copies_are_made_while_other_threads_predict() -> None:
    network, picture, done = toy().eval(), torch.randn(1, 3, 8, 8), threading.Event()
    with torch.no_grad():
        wanted = network(picture)

    def predict(_: int) -> int:
        count = 0
        while not done.is_set():
            with torch.no_grad():
                torch.testing.assert_close(network(picture), wanted)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        predictions = pool.map(predict, range(2))
        try:
            copies = [inference_copy(network, "float32") for _ in range(60)]
        finally:
            done.set()
        assert min(predictions) > 5
    with torch.no_grad():
        assert max(largest_share(one(picture), wanted) for one in copies) < 1e-4
