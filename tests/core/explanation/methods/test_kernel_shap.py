"""Kernel SHAP against shap's own solver, against Shapley's definition, and on a model whose truth is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shap

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import explain
from core.explanation.methods.kernel_shap import Coalitions, shapley_errors, shapley_values
from core.explanation.reference.shap import kernel_maps
from core.models.classifier import Classifier
from tests.support.picture_runs import begin, finish, noise, tiny
from tests.support.quadrants import SIDE, conv_classifier, quadrant_classifier, quadrant_scene

GRID = {"superpixels": "grid", "regions": 16, "baseline": "mean"}
Game = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return tiny(Path(tmp_path_factory.mktemp("models")))


def game_of(parts: int, seed: int = 0) -> Game:
    """Three outputs of which parts are in, with interactions of two and three."""
    rng = np.random.default_rng(seed)
    single, products = rng.normal(size=(parts, 3)), [rng.permutation(parts)[: 2 + i % 2] for i in range(2 * parts)]
    strength = rng.normal(size=(len(products), 3))

    def game(keep: np.ndarray) -> np.ndarray:
        together = np.stack([keep[:, chosen].prod(axis=1) for chosen in products], axis=1)
        return np.asarray(0.3 + keep @ single + together @ strength)

    return game


def by_definition(game: Game, parts: int) -> np.ndarray:
    """Shapley's formula: each part's gain, averaged over all coalitions of the others."""
    values = np.zeros((3, parts))
    for part in range(parts):
        others = [other for other in range(parts) if other != part]
        for size in range(parts):
            share = math.factorial(size) * math.factorial(parts - size - 1) / math.factorial(parts)
            for inside in itertools.combinations(others, size):
                without = np.zeros((1, parts))
                without[0, list(inside)] = 1
                within = without.copy()
                within[0, part] = 1
                values[:, part] += share * (game(within) - game(without))[0]
    return values


def solved(game: Game, parts: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    order = Coalitions(parts, seed)
    keep = order.first(count).astype(float)
    weights, outputs = order.weights(len(keep)), game(keep)
    gains = outputs - outputs[0]
    values = shapley_values(keep, weights, gains, gains[1])
    return values, shapley_errors(keep, weights, gains, values, order.fixed)


@pytest.mark.parametrize("parts", [2, 3, 5, 8, 9])
def test_few_parts_have_their_exact_shapley_values(parts: int) -> None:
    game = game_of(parts) if parts > 2 else lambda keep: np.repeat(keep.sum(axis=1, keepdims=True) ** 2, 3, axis=1)
    values, _ = solved(game, parts, 10_000)
    np.testing.assert_allclose(values, by_definition(game, parts), atol=1e-9)
    assert (
        len(Coalitions(parts, 0).first(10_000)) == 2**parts == len(np.unique(Coalitions(parts, 0).first(9999), axis=0))
    )


@pytest.mark.parametrize("samples", [100, 400])
def test_shaps_own_coalitions_give_shaps_values(samples: int) -> None:
    parts, game = 12, game_of(12)
    np.random.seed(0)  # shap draws from the global generator
    explainer = shap.KernelExplainer(game, np.zeros((1, parts)))
    theirs = explainer.shap_values(np.ones(parts), nsamples=samples, l1_reg=False, silent=True)  # (s, 3)
    used = explainer.nsamplesAdded
    gains = explainer.ey[:used] - explainer.fnull
    ours = shapley_values(
        explainer.maskMatrix[:used], explainer.kernelWeights[:used], gains, explainer.fx - explainer.fnull
    )
    np.testing.assert_allclose(ours, theirs.T, atol=1e-8)


@pytest.mark.parametrize(("regions", "samples"), [(16, 200), (8, 256), (16, 34)])
def test_our_coalitions_give_shap_our_values(regions: int, samples: int) -> None:
    chosen = {**GRID, "regions": regions, "samples": samples}
    ours = finish(begin("shap-kernel", conv_classifier(), quadrant_scene(), **chosen))
    theirs = kernel_maps(ours.request, range(3), ours.evaluations)
    np.testing.assert_allclose(ours.maps().native, theirs, atol=1e-4 * np.abs(theirs).max())
    assert np.abs(theirs).max() > 1e-2
    with pytest.raises(InputError, match="every one"):
        kernel_maps(ours.request, range(3), 2 * regions + 1)


def test_random_coalitions_come_to_the_shapley_values_and_add_up() -> None:
    parts = 12
    game = game_of(parts)
    truth = by_definition(game, parts)
    apart = []
    for count in (60, 400, 3000):
        values, errors = solved(game, parts, count)
        np.testing.assert_allclose(values.sum(axis=1), (game(np.ones((1, parts))) - game(np.zeros((1, parts))))[0])
        apart.append(np.abs(values - truth).max())
        assert count == 60 or (np.abs(values - truth) < 5 * errors).all()
        assert np.isnan(errors).all() == (count == 60)
    assert apart[2] < apart[1] < apart[0] and apart[2] < 0.05 * np.abs(truth).max()


def test_the_standard_error_is_the_spread_over_seeds() -> None:
    game = game_of(20)
    for count in (200, 800):
        runs = [solved(game, 20, count, seed) for seed in range(40)]
        spread = np.stack([values for values, _ in runs]).std(axis=0, ddof=1)
        claimed = np.sqrt(np.mean([errors**2 for _, errors in runs], axis=0))
        ratio = np.sqrt((claimed**2).mean(axis=1) / (spread**2).mean(axis=1))
        assert ((ratio > 0.75) & (ratio < 1.4)).all(), ratio


def test_the_sequence_is_that_of_the_kernel() -> None:
    order = Coalitions(20, 3)
    rows = order.first(4042)
    assert not rows[0].any() and rows[1].all() and order.fixed == 42
    assert np.array_equal(rows[2::2], ~rows[3::2])
    assert sorted(rows[2:42].sum(axis=1)) == [1] * 20 + [19] * 20
    sizes = np.bincount(rows[42:].sum(axis=1), minlength=21)[2:19]
    mass = 1 / (np.arange(2, 19) * (20 - np.arange(2, 19)))
    np.testing.assert_allclose(sizes / 4000, mass / mass.sum(), atol=0.005)
    weights = order.weights(4042)
    assert weights.sum() == pytest.approx(1) and not weights[:2].any()
    fresh = Coalitions(20, 3)
    for count in (3, 42, 43, 57, 1000, 4042):
        assert np.array_equal(fresh.first(count), rows[:count])


def test_a_model_of_one_quadrant_gets_its_weight_there() -> None:
    maps = finish(begin("shap-kernel", quadrant_classifier(), quadrant_scene(), samples=300, **GRID)).maps()
    bright, dark = maps.native
    half = SIDE // 2
    assert bright[:half, :half].min() > 5 * np.abs(bright[half:]).max() > 0
    np.testing.assert_allclose(dark, -bright, atol=1e-5)
    assert maps.gap is not None and np.abs(maps.gap).max() < 1e-6
    assert maps.error is not None and maps.note == ""


def test_stopping_and_raising_the_budget_gives_what_going_through_gives() -> None:
    through = finish(begin("shap-kernel", conv_classifier(), quadrant_scene(), 3, samples=230, **GRID))
    broken = begin("shap-kernel", conv_classifier(), quadrant_scene(), 3, samples=21, **GRID)
    assert "9 of 16" in finish(broken).maps().note
    broken.budget = 230
    finish(broken)
    assert broken.evaluations == through.evaluations == 230
    np.testing.assert_allclose(broken.maps().native, through.maps().native, rtol=1e-4, atol=1e-6)


def test_few_superpixels_are_done_when_every_coalition_was_asked() -> None:
    estimator = finish(begin("shap-kernel", conv_classifier(), quadrant_scene(), samples=5000, **GRID | {"regions": 8}))
    maps = estimator.maps()
    assert estimator.done and estimator.evaluations == 256 and "exact" in maps.note
    assert maps.error is not None and not maps.error.any()


def test_an_even_picture_has_no_evidence_at_all(classifier: Classifier) -> None:
    even = ImageContext(np.full((32, 32, 3), 90, np.uint8))
    maps = finish(begin("shap-kernel", classifier, even, samples=300, superpixels="grid")).maps()
    assert not maps.native.any() and maps.gap is not None and not maps.gap.any()
    assert np.isfinite(maps.native).all() and maps.error is not None and not maps.error.any()


def test_the_smallest_budget_gives_a_map(classifier: Classifier) -> None:
    estimator = begin("shap-kernel", classifier, ImageContext(noise(1)), samples=10)
    with pytest.raises(InputError, match="do a step"):
        estimator.maps()
    maps = finish(estimator).maps()
    assert maps.error is None and maps.native.any() and np.isfinite(maps.native).all()


def test_lime_and_kernel_shap_share_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, context, seen = conv_classifier(), quadrant_scene(), []
    settings = {"lime": {**GRID, "samples": 80}, "shap-kernel": {**GRID, "samples": 80}}
    explain(classifier, context, ["lime", "shap-kernel"], settings=settings)
    from core.explanation.perturbation import evaluator

    shared = evaluator(classifier, context, "mean", "float32")
    monkeypatch.setattr(shared, "_run", seen.append)
    again = explain(classifier, context, ["lime", "shap-kernel"], settings=settings)
    assert not seen and again["lime"].evaluations == again["shap-kernel"].evaluations == 80
