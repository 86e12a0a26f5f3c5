"""Copies for inference: the same function with fewer layers, and made while other threads use the network."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from core.models.registry import ARCHITECTURES, Architecture
from core.models.staged import StagedNetwork, fold_batch_norm, inference_copy

EVERY = pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)


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
