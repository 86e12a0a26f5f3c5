"""Integrated gradients against captum's, closed forms, and completeness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.explanation.baselines import baseline
from core.explanation.context import ImageContext
from core.explanation.gradients import pixel_gradients
from core.explanation.methods.integrated_gradients import INTEGRATED_GRADIENTS, path_points
from core.explanation.reference.captum import integrated_maps
from core.models.classifier import FLOOR, standardise
from core.models.staged import StagedNetwork
from tests.support.toy_networks import (
    Plain,
    begin,
    even,
    finish,
    noise,
    quadrant_network,
    random_network,
    toy,
    two_tone,
)


def ends(context: ImageContext, filling: str, side: int) -> tuple[Tensor, Tensor]:
    """The baseline and the picture, `(1, 3, S, S)` in [0, 1]."""
    before, after = (
        torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        for rgb in (baseline(context, filling, side), context.picture(side))
    )
    return before, after


@pytest.mark.parametrize("count", [2, 3, 5, 9, 12, 65])
def test_points_are_those_of_the_trapezoid_rule(count: int) -> None:
    places, weights = path_points(0, count)
    assert len(set(places)) == count and weights.sum() == count - 1
    if count in (3, 5, 9, 65):
        order = np.argsort(places)
        np.testing.assert_array_equal(places[order], np.linspace(0, 1, count))
        np.testing.assert_array_equal(weights[order], [0.5] + [1] * (count - 2) + [0.5])
    cut = count // 2
    parts = path_points(0, cut), path_points(cut, count)
    assert np.array_equal(np.concatenate([parts[0][0], parts[1][0]]), places)
    assert np.array_equal(np.concatenate([parts[0][1], parts[1][1]]), weights)


@pytest.mark.parametrize(("steps", "filling"), [(4, "blur"), (64, "mean"), (128, "smear")])
def test_maps_equal_captums_at_the_same_points(steps: int, filling: str) -> None:
    classifier, context = toy(random_network(), 48), noise()
    ours = finish(begin(INTEGRATED_GRADIENTS, classifier, context, steps=steps, baseline=filling))
    assert ours.evaluations == steps + 1
    for found, expected in zip(ours.maps().native, integrated_maps(ours.request, range(3), steps + 1), strict=True):
        assert np.abs(found - expected).max() < 1e-5 * max(1, np.abs(expected).max())
        assert np.abs(expected).max() > 1e-3


class Linear(nn.Module):
    """Logits that are weighted sums of the standardised pixels."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0)))

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs[:, None] * self.weights).sum(dim=(2, 3, 4))


def test_a_linear_network_has_its_closed_form() -> None:
    """Between pictures q and a q + b of one pattern, on which standardising acts in a closed form.

    With z the pattern of mean 0 and deviation 1, the path is m(t) + s(t) z, and the gradient of sum w standardised at s
    is (w - mean w - z <w, z> / (N - 1) s / (s + FLOOR)) / (s + FLOOR): only s depends on t.
    """
    side = 24
    pattern = np.random.default_rng(0).normal(size=(3, side, side))
    pattern = (pattern - pattern.mean(axis=(1, 2), keepdims=True)) / pattern.std(axis=(1, 2), keepdims=True, ddof=1)
    network = Linear(side)
    weights = network.weights.detach().double().numpy()  # (2, 3, S, S)
    start, end = 0.02, 0.12
    before, after = 0.5 + start * pattern, 0.5 + end * pattern
    spread = (np.arange(200_000) + 0.5) / 200_000 * (end - start) + start
    first, second = (1 / (spread + FLOOR)).mean(), (spread / (spread + FLOOR) ** 2).mean()
    along = (weights * pattern).sum(axis=(2, 3), keepdims=True) / (side**2 - 1)
    centred = weights - weights.mean(axis=(2, 3), keepdims=True)
    expected = ((after - before) * (centred * first - pattern * along * second)).sum(axis=1)

    places, parts = path_points(0, 257)
    share = torch.from_numpy(places)[:, None, None, None]
    between = share * torch.from_numpy(after) + (1 - share) * torch.from_numpy(before)
    _, gradients = pixel_gradients(lambda p: network.double()(standardise(p)), between)
    mean = np.einsum("kncij,n->kcij", gradients.numpy(), parts) / parts.sum()
    np.testing.assert_allclose(((after - before) * mean).sum(axis=1), expected, rtol=1e-3, atol=1e-4)


def test_the_gap_shrinks_with_steps_and_is_the_difference_left() -> None:
    classifier, context = toy(random_network(), 48), noise()
    gaps = {}
    for steps in (8, 512):
        maps = finish(begin(INTEGRATED_GRADIENTS, classifier, context, steps=steps)).maps()
        before, after = ends(context, "blur", 48)
        with torch.no_grad():
            wanted = (classifier.network(standardise(after)) - classifier.network(standardise(before)))[0].numpy()
        assert maps.gap is not None
        gaps[steps] = maps.gap
        np.testing.assert_allclose(maps.gap, (maps.native.sum(axis=(1, 2)) - wanted) / np.abs(wanted), atol=1e-4)
    assert np.abs(gaps[512]).max() < 0.01 and np.abs(gaps[512]).max() < np.abs(gaps[8]).max()


def test_going_on_reuses_every_point() -> None:
    classifier, context = toy(random_network(), 48), noise()
    through = finish(begin(INTEGRATED_GRADIENTS, classifier, context, steps=128))
    stopped = begin(INTEGRATED_GRADIENTS, classifier, context, steps=4)
    with pytest.raises(InputError, match="do a step"):
        stopped.maps()
    for budget, intervals in ((4, 4), (11, 8), (100, 64), (128, 128)):
        stopped.budget = budget
        finish(stopped)
        assert stopped.evaluations == intervals + 1 and stopped.maps().note.endswith(f" {intervals} intervals.")
    np.testing.assert_allclose(stopped.maps().native, through.maps().native, atol=1e-5)
    again = finish(begin(INTEGRATED_GRADIENTS, classifier, context, steps=128))
    assert np.array_equal(again.maps().native, through.maps().native)


def test_what_is_shown_on_the_way_is_the_last_complete_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.explanation.methods.integrated_gradients.one_step", lambda block, more: block())
    classifier, context = toy(random_network(), 48), noise()
    levels = {
        steps: finish(begin(INTEGRATED_GRADIENTS, classifier, context, steps=steps)).maps().native for steps in (8, 16)
    }
    estimator = begin(INTEGRATED_GRADIENTS, classifier, context, steps=32)
    while estimator.evaluations < 16:
        estimator.advance()
    assert estimator.evaluations < 17 or np.array_equal(estimator.maps().native, levels[16])
    seen = []
    while not estimator.done:
        seen.append(estimator.evaluations)
        level = levels.get(8 if estimator.evaluations < 17 else 16)
        np.testing.assert_allclose(estimator.maps().native, level, atol=1e-6)
        estimator.advance()
    assert any(17 < count < 33 for count in seen)


def test_pixels_that_do_not_count_get_nothing() -> None:
    maps = finish(begin(INTEGRATED_GRADIENTS, toy(quadrant_network(), 48), two_tone(), baseline="mean")).maps()
    inside, beyond = np.abs(maps.native[0, :24, :24]), np.abs(maps.native[0])
    beyond[:24, :24] = 0
    assert beyond.sum() < 0.01 * inside.sum() and inside.max() > 1e-3
    assert not maps.native[2].any()


@pytest.mark.parametrize("filling", ["blur", "mean", "inpaint", "smear"])
def test_an_even_picture_has_no_evidence(filling: str) -> None:
    maps = finish(begin(INTEGRATED_GRADIENTS, toy(random_network(), 48), even(), baseline=filling)).maps()
    assert not maps.native.any() and maps.gap is not None and not maps.gap.any()


def test_nan_is_refused() -> None:
    network = StagedNetwork({"see": Plain(), "answer": Linear(48)}, "see")
    with torch.no_grad():
        network.stages["answer"].weights.fill_(float("nan"))
    with pytest.raises(InputError, match="not finite"):
        finish(begin(INTEGRATED_GRADIENTS, toy(network, 48, 2), noise()))
