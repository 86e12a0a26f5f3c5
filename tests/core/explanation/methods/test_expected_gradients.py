"""Expected gradients: shap's own values for shap's own draws, and better draws than shap's."""

from __future__ import annotations

import numpy as np
import pytest
import shap
import torch
from torch import Tensor, nn

from core.errors import InputError
from core.explanation.baselines import background
from core.explanation.context import ImageContext
from core.explanation.method import Estimator
from core.explanation.methods.expected_gradients import EXPECTED_GRADIENTS, completeness_gap, expected_gradients
from core.explanation.sampling import SpreadMean, spread_draws
from core.models.classifier import Classifier, standardise
from tests.support.toy_networks import (
    begin,
    even,
    finish,
    noise,
    quadrant_network,
    random_network,
    toy,
    two_tone,
)


class Seen(nn.Module):
    """A network together with the standardisation that it is used with."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network(standardise(pictures))  # type: ignore[no-any-return]


def run(classifier: Classifier, context: ImageContext, seed: int = 0, **settings: int | str) -> Estimator:
    return finish(begin(EXPECTED_GRADIENTS, classifier, context, seed, **settings))


@pytest.mark.parametrize("seed", [0, 7])
def test_shaps_draws_give_shaps_values(seed: int) -> None:
    network = Seen(random_network(4, seed).eval())
    generator = torch.Generator().manual_seed(seed)
    picture, backgrounds = torch.rand(3, 32, 32, generator=generator), torch.rand(6, 3, 32, 32, generator=generator)
    theirs = shap.GradientExplainer(network, backgrounds).shap_values(picture[None], nsamples=40, rseed=seed)
    old = np.random.RandomState(seed)  # the generator that shap seeds
    draws = [(old.choice(len(backgrounds)), old.uniform()) for _ in range(40)]
    chosen = backgrounds[[number for number, _ in draws]]
    alphas = torch.tensor([alpha for _, alpha in draws], dtype=torch.float64)
    ours = expected_gradients(network, picture, chosen, alphas).double().mean(dim=1).numpy()  # (K, 3, S, S)
    expected = np.moveaxis(np.asarray(theirs)[0], -1, 0)
    assert np.abs(expected).max() > 1e-3
    assert np.abs(ours - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_quadratic_has_its_closed_form() -> None:
    """The gradient of sum w p^2 is 2 w p, so that the mean over alpha is w (x - x') (x + x') = w (x^2 - x'^2)."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(2, 3, 8, 8, generator=generator)
    picture, before = torch.rand(3, 8, 8, generator=generator), torch.rand(3, 8, 8, generator=generator)
    alphas = (torch.arange(64, dtype=torch.float64) + 0.5) / 64  # the midpoint rule is exact where the path is straight
    ours = expected_gradients(
        lambda p: (p[:, None] ** 2 * weights).sum(dim=(2, 3, 4)), picture, before.expand(64, -1, -1, -1), alphas
    )
    torch.testing.assert_close(ours.mean(dim=1), weights * (picture**2 - before**2), rtol=1e-4, atol=1e-6)


def test_a_draw_depends_on_its_number_alone() -> None:
    whole = spread_draws(5, 25, 0, 300)
    parts = [spread_draws(5, 25, first, first + 50) for first in range(0, 300, 50)]
    for kind in (0, 1):
        assert np.array_equal(whole[kind], np.concatenate([part[kind] for part in parts]))
    assert not np.array_equal(whole[1], spread_draws(6, 25, 0, 300)[1])


def test_draws_are_balanced_and_evenly_spread() -> None:
    owners, alphas = spread_draws(3, 25, 0, 25 * 8)
    assert (np.bincount(owners) == 8).all() and alphas.min() >= 0 and alphas.max() < 1
    for owner in range(25):
        gaps = np.diff(np.sort(alphas[owners == owner]))
        np.testing.assert_allclose(gaps, 1 / 8, atol=1e-12)
    firsts = np.stack([spread_draws(seed, 25, 0, 8)[1] for seed in range(2000)])
    assert np.abs(firsts.mean(axis=0) - 0.5).max() < 0.03  # each draw alone is uniform
    assert np.abs(firsts.std(axis=0) - 12**-0.5).max() < 0.02


def test_stopping_and_going_on_gives_the_map_of_going_through() -> None:
    classifier, context = toy(random_network(), 48), noise()
    through = run(classifier, context, samples=120)
    stopped = begin(EXPECTED_GRADIENTS, classifier, context, samples=7)
    with pytest.raises(InputError, match="do a step"):
        stopped.maps()
    for budget in (7, 20, 120):
        stopped.budget = budget
        finish(stopped)
        assert stopped.evaluations == budget
    scale = np.abs(through.maps().native).max()
    assert np.abs(stopped.maps().native - through.maps().native).max() < 1e-5 * scale
    assert np.array_equal(run(classifier, context, samples=120).maps().native, through.maps().native)
    assert not np.array_equal(run(classifier, context, 1, samples=120).maps().native, through.maps().native)


def test_values_add_up_and_the_gap_says_how_nearly() -> None:
    classifier, context = toy(random_network(), 48), noise()
    maps = run(classifier, context, samples=800).maps()
    assert maps.gap is not None and np.abs(maps.gap).max() < 0.03
    assert "25 simulated cells" in maps.note
    seen = Seen(classifier.network)
    one = run(classifier, context, samples=300, background="mean").maps()
    rgb = context.picture(48)
    flat = np.full_like(rgb, np.rint(rgb.mean(axis=(0, 1))))
    with torch.no_grad():
        pictures = torch.from_numpy(np.stack([rgb, flat])).permute(0, 3, 1, 2).float() / 255
        outputs = seen(pictures).numpy()
    assert one.gap is not None
    expected = (one.native.sum(axis=(1, 2)) - (outputs[0] - outputs[1])) / np.abs(outputs[0] - outputs[1])
    np.testing.assert_allclose(one.gap, expected, atol=1e-4)


def test_a_gap_is_relative_and_zero_where_nothing_is_to_explain() -> None:
    maps = np.zeros((3, 2, 2), dtype=np.float32)
    maps[1], maps[2] = 0.5, -1
    np.testing.assert_allclose(completeness_gap(maps, np.array([0.0, 1.0, -2.0])), [0, 1, -1])


@pytest.mark.parametrize(("samples", "against"), [(25, "cells"), (100, "cells"), (130, "cells"), (64, "blur")])
def test_the_standard_error_is_the_spread_over_seeds(samples: int, against: str) -> None:
    classifier, context = toy(random_network(), 48), noise()
    found = [run(classifier, context, seed, samples=samples, background=against).maps() for seed in range(24)]
    spread = np.stack([maps.native for maps in found]).std(axis=0, ddof=1)
    claimed = np.mean([maps.error for maps in found if maps.error is not None], axis=0)
    ratio = np.sqrt(np.square(claimed).mean(axis=(1, 2)) / np.square(spread).mean(axis=(1, 2)))
    assert (ratio > 0.7).all() and (ratio < 2.5).all(), ratio


def test_independent_looking_draws_are_charged_in_full() -> None:
    rng = np.random.default_rng(0)
    owners, alphas = spread_draws(0, 10, 0, 200)
    mean = SpreadMean(10)
    mean.add(rng.normal(size=(2, 200, 16, 16)).astype(np.float32), owners, alphas)
    assert mean.error is not None
    assert 0.75 < np.sqrt(np.square(mean.error).mean()) * 200**0.5 < 1.02


def test_spread_draws_need_a_third_of_the_samples_or_fewer() -> None:
    """The error of 75 of our draws against that of 225 independent ones, shap's way."""
    classifier, context = toy(random_network(), 48), noise()
    truth = run(classifier, context, 99, samples=3200).maps().native
    ours = [run(classifier, context, seed, samples=75).maps().native for seed in range(6)]
    plain = [independent(classifier, context, seed, 225) for seed in range(6)]
    assert np.square(np.stack(ours) - truth).mean() < np.square(np.stack(plain) - truth).mean()


def independent(classifier: Classifier, context: ImageContext, seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cells = background(context, "cells").pictures(rng.integers(0, 25, count), 48)
    pictures = torch.from_numpy(np.concatenate([cells, context.picture(48)[None]])).permute(0, 3, 1, 2).float() / 255
    alphas = torch.from_numpy(rng.random(count))
    values = expected_gradients(Seen(classifier.network), pictures[-1], pictures[:-1], alphas)
    return values.sum(dim=2).mean(dim=1).numpy()


def test_pixels_that_do_not_count_get_nothing() -> None:
    maps = run(toy(quadrant_network(), 48), two_tone(), samples=50).maps()
    inside, beyond = np.abs(maps.native[0, :24, :24]), np.abs(maps.native[0])
    beyond[:24, :24] = 0
    assert beyond.sum() < 0.01 * inside.sum() and inside.max() > 1e-3
    np.testing.assert_allclose(maps.native[0], -maps.native[1], atol=1e-6)
    assert not maps.native[2].any()


def test_an_even_picture_against_its_mean_has_no_evidence() -> None:
    maps = run(toy(random_network(), 48), even(), samples=20, background="mean").maps()
    assert not maps.native.any() and maps.gap is not None and not maps.gap.any()
    assert np.isfinite(run(toy(random_network(), 48), even(), samples=20).maps().native).all()


def test_nan_is_refused_and_no_gradient_is_left() -> None:
    network = random_network()
    run(toy(network, 48), noise(), samples=8)
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="not finite"):
        run(toy(network, 48), noise(), samples=8)
