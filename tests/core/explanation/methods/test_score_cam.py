"""Score-CAM against pytorch-grad-cam's, and on a model whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.explanation.methods.score_cam import SCORE_CAM
from core.explanation.reference.gradcam import cam_maps, scaled
from core.models.registry import ARCHITECTURES
from core.models.staged import StagedNetwork
from tests.support.toy_networks import Plain, begin, even, finish, noise, random_network, toy


def lively(name: str) -> StagedNetwork:
    torch.manual_seed(3)
    network = ARCHITECTURES[name].build(5).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(1.5)
    return network


@pytest.mark.parametrize(("name", "side"), [("islam_cnn", 120), ("mobilenet_v3_small", 64)])
def test_maps_equal_upstreams(name: str, side: int) -> None:
    classifier, context = toy(lively(name), side, 5), noise(side)
    ours = finish(begin(SCORE_CAM, classifier, context))
    channels = classifier.network.features(classifier.tensor([context.rgb])).shape[1]
    assert f"{channels} of {channels} channels" in ours.maps().note
    for index, theirs in zip((0, 3), cam_maps("scorecam", ours.request, (0, 3), ours.evaluations), strict=True):
        assert np.abs(scaled(ours.maps().native[index], side) - theirs).max() < 1e-4
        assert theirs.max() > 0.5


def test_upstream_is_not_asked_about_some_channels_alone() -> None:
    few = finish(begin(SCORE_CAM, toy(random_network(), 48), noise(), evaluations=3))
    with pytest.raises(InputError, match="weighs all 12 channels"):
        cam_maps("scorecam", few.request, [0], few.evaluations)


def dead(network: StagedNetwork) -> StagedNetwork:
    """Silence three channels of `random_network`'s cut."""
    with torch.no_grad():
        last = network.stages["see"][2]
        last.weight[[1, 5, 6]] = 0
        last.bias[[1, 5, 6]] = -1
    return network


def test_dead_channels_share_one_evaluation_and_count_all_the_same() -> None:
    classifier, context = toy(dead(random_network()), 48), noise()
    ours = finish(begin(SCORE_CAM, classifier, context))
    assert ours.evaluations == 10 and "12 of 12 channels" in ours.maps().note and "3 are even" in ours.maps().note
    inputs = classifier.tensor([context.rgb])
    with torch.no_grad():
        activations = classifier.network.features(inputs)
        large = nn.functional.interpolate(activations, (48, 48), mode="bilinear", align_corners=True)[0]
        logits = []
        for channel in large:  # eq. 7 and 8, one after the other
            spread = channel.max() - channel.min()
            mask = (channel - channel.min()) / spread if spread > 0 else torch.zeros_like(channel)
            logits.append(classifier.network(inputs * mask)[0])
        weights = torch.softmax(torch.stack(logits), dim=0)  # (C, K)
        wanted = torch.einsum("ck,chw->khw", weights, activations[0]).relu()
    np.testing.assert_allclose(ours.maps().native, wanted.numpy(), atol=1e-5)
    assert wanted.max() > 0.01


def test_a_stopped_run_weighs_the_strongest_channels_and_goes_on() -> None:
    through = finish(begin(SCORE_CAM, toy(dead(random_network()), 48), noise()))
    stopped = begin(SCORE_CAM, toy(dead(random_network()), 48, parameters=20_000_000), noise(), evaluations=1)
    with pytest.raises(InputError, match="do a step"):
        stopped.maps()
    finish(stopped)
    classifier = stopped.request.classifier
    with torch.no_grad():
        activations = classifier.network.features(classifier.tensor([noise().rgb]))[0]
    strongest = activations[activations.square().sum(dim=(1, 2)).argmax()].numpy()
    np.testing.assert_allclose(stopped.maps().native, np.stack([strongest] * 3), atol=1e-6)
    for budget in (3, 9, 2048):
        stopped.budget = budget
        finish(stopped)
    assert stopped.evaluations == through.evaluations == 10
    np.testing.assert_allclose(stopped.maps().native, through.maps().native, atol=1e-5)
    again = finish(begin(SCORE_CAM, toy(dead(random_network()), 48), noise()))
    assert np.array_equal(again.maps().native, through.maps().native)


class Quarters(nn.Module):
    """Four channels, each with the brightness of one quadrant and 0 elsewhere."""

    def forward(self, inputs: Tensor) -> Tensor:
        bright = nn.functional.avg_pool2d(inputs.abs().mean(dim=1, keepdim=True), inputs.shape[-1] // 8)  # (N, 1, 8, 8)
        place = torch.zeros(1, 4, 8, 8)
        for channel, (top, left) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
            place[0, channel, top : top + 4, left : left + 4] = 1
        return bright * place


class Sums(nn.Module):
    def forward(self, activations: Tensor) -> Tensor:
        return activations.sum(dim=(2, 3))


def test_each_class_shows_the_quadrant_it_looks_at() -> None:
    classifier = toy(StagedNetwork({"plain": Plain(), "see": Quarters(), "answer": Sums()}, "see"), 48, 4)
    native = finish(begin(SCORE_CAM, classifier, noise())).maps().native
    for index, (top, left) in enumerate([(0, 0), (0, 4), (4, 0), (4, 4)]):
        assert native[index, top : top + 4, left : left + 4].sum() > 0.95 * native[index].sum() > 0


def test_an_even_picture_gives_numbers() -> None:
    estimator = finish(begin(SCORE_CAM, toy(random_network(), 48), even()))
    assert np.isfinite(estimator.maps().native).all()


def test_another_layer_and_broken_weights() -> None:
    network = random_network()
    with torch.no_grad():
        network.stages["answer"][2].weight[0] = float("nan")
    with pytest.raises(InputError, match="not finite"):
        finish(begin(SCORE_CAM, toy(network, 48), noise()))
    assert finish(begin(SCORE_CAM, toy(lively("islam_cnn"), 120, 5), noise(), layer="", evaluations=4)).evaluations == 4
