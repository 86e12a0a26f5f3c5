"""A network that is blind to blue answers alike whatever the blue of a picture, and starts as near as it can."""

from __future__ import annotations

import pytest
import torch

from core.models.registry import ARCHITECTURES, architecture
from core.training.blindness import blinded, keep_blind
from core.transform import standardise


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_the_blue_of_a_picture_changes_nothing(name: str) -> None:
    network = blinded(architecture(name).build(5)).eval()
    size = max(96, architecture(name).smallest)
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    other = images.clone()
    other[:, 2] = other[:, 2].flip(-1) ** 2
    with torch.no_grad():
        seen = network(standardise(images))
        assert torch.equal(seen, network(standardise(other)))
        other[:, 1] = other[:, 1].flip(-1)
        assert not torch.equal(seen, network(standardise(other)))


def test_blue_is_taken_for_the_mean_of_red_and_green() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 4, 3)
    views = torch.rand(2, 3, 8, 8)
    views[:, 2] = (views[:, 0] + views[:, 1]) / 2
    before = layer(views)
    assert torch.allclose(blinded(torch.nn.Sequential(layer))(views), before, atol=1e-6)
    assert torch.equal(layer.weight[:, 2], torch.zeros(4, 3, 3))


def test_kept_blind_leaves_red_and_green_alone() -> None:
    layer = torch.nn.Conv2d(3, 4, 3)
    before = layer.weight.detach().clone()
    keep_blind(torch.nn.Sequential(layer))
    assert torch.equal(layer.weight[:, :2], before[:, :2]) and not layer.weight[:, 2].any()
