"""Our maps against pytorch-grad-cam's own end-to-end run, hooks and all, on one thread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.explanation.gradients import class_gradients
from core.explanation.method import LayerSettings, Request
from core.explanation.methods.cam import EIGENCAM, GRADCAM, GRADCAM_PLUS_PLUS, HIRESCAM, LAYERCAM
from core.explanation.reference.gradcam import cam_maps, scaled
from core.models.registry import ARCHITECTURES
from tests.support.toy_networks import noise, toy

UPSTREAM = (GRADCAM, GRADCAM_PLUS_PLUS, HIRESCAM, LAYERCAM, EIGENCAM)
SIDES = {"resnet50": 96, "vgg19": 96, "mobilenet_v3_small": 128, "islam_cnn": 120, "inception_v3": 139}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps_equal_upstreams_for_every_method_and_class(name: str) -> None:
    torch.manual_seed(3)
    side = SIDES.get(name, 96)
    classifier = toy(_lively(ARCHITECTURES[name].build(5).eval()), side, 5)
    request = Request("gradcam", classifier, noise(side), LayerSettings())
    for kind in UPSTREAM:
        native = kind.start(request).maps().native
        for ours, theirs in zip(native, cam_maps(kind.name, request, range(5), 1), strict=True):
            assert np.abs(scaled(ours, side) - theirs).max() < 1e-4
            assert theirs.max() > 0.5 or ours.max() == 0


def test_gradients_are_those_of_each_class_alone() -> None:
    torch.manual_seed(1)
    network = _lively(ARCHITECTURES["islam_cnn"].build(4).eval())
    picture = torch.randn(1, 3, 120, 120)
    ours = class_gradients(network, picture)
    for index in range(4):
        activations = network.features(picture).detach().requires_grad_()
        network.head(activations.clone())[0, index].backward()
        assert activations.grad is not None
        np.testing.assert_allclose(ours.gradients[index], activations.grad[0].numpy(), rtol=1e-4, atol=1e-6)


def _lively(network: torch.nn.Module) -> torch.nn.Module:
    """Scale weights up, so that a random network's maps are not all near zero."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                layer.weight.mul_(1.5)
    return network
