"""Our maps against pytorch-grad-cam's own end-to-end run, hooks and all, on one thread."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from core.explanation.gradients import class_gradients
from core.explanation.methods.cam import class_maps
from core.models.registry import ARCHITECTURES

UPSTREAM = (GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, EigenCAM)
SIDES = {"resnet50": 96, "vgg19": 96, "mobilenet_v3_small": 128, "islam_cnn": 120, "inception_v3": 139}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps_equal_upstreams_for_every_method_and_class(name: str) -> None:
    torch.manual_seed(3)
    network = _lively(ARCHITECTURES[name].build(5).eval())
    picture = torch.randn(1, 3, SIDES.get(name, 96), SIDES.get(name, 96))
    ours = class_gradients(network, picture)
    for upstream in UPSTREAM:
        maps = class_maps(upstream.__name__, ours)
        hooked = copy.deepcopy(network)
        with upstream(hooked, [hooked.stages[hooked.cut]]) as cam:
            for index in range(5):
                theirs = cam(picture, [ClassifierOutputTarget(index)])[0]
                same_scale = scale_cam_image(maps[index][None], picture.shape[2:])[0]
                # upstream scales once more after averaging its one layer
                same_scale = scale_cam_image(same_scale[None])[0]
                assert np.abs(same_scale - theirs).max() < 1e-4
                assert theirs.max() > 0.5 or maps[index].max() == 0


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
