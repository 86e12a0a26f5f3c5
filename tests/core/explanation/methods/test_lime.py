"""LIME against lime itself, its own limit, and a model whose truth is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.methods.lime import DESIGNS, bernoulli, lime_coefficients, lime_errors, orthogonal
from core.explanation.reference.lime import lime_maps
from core.models.classifier import Classifier
from tests.support.picture_runs import begin, finish, noise, tiny
from tests.support.quadrants import SIDE, conv_classifier, quadrant_classifier, quadrant_scene


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return tiny(Path(tmp_path_factory.mktemp("models")))


GRID = {"superpixels": "grid", "regions": 16, "baseline": "mean"}


@pytest.mark.parametrize("hidden", ["region-mean", "blur"])
@pytest.mark.parametrize("design", ["orthogonal", "bernoulli"])
def test_the_same_masks_give_upstreams_coefficients(design: str, hidden: str) -> None:
    chosen = {"samples": 100, "superpixels": "grid", "regions": 16, "baseline": hidden, "masks": design}
    ours = finish(begin("lime", conv_classifier(), quadrant_scene(), **chosen))
    theirs = lime_maps(ours.request, range(3), 100)
    for found, expected in zip(ours.maps().native, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
        assert np.ptp(expected) > 1e-4


def test_a_model_of_one_quadrant_gets_its_weight_there() -> None:
    estimator = begin("lime", quadrant_classifier(), quadrant_scene(), samples=200, **GRID)
    maps = finish(estimator).maps()
    bright, dark = maps.native
    half = SIDE // 2
    assert bright[:half, :half].min() > 5 * np.abs(bright[half:]).max() > 0
    np.testing.assert_allclose(dark, -bright, atol=1e-6)
    assert maps.error is not None and maps.error.shape == maps.native.shape == (2, SIDE, SIDE)


def test_stopping_and_raising_the_budget_gives_what_going_through_gives() -> None:
    classifier, chosen = conv_classifier(), GRID
    through = finish(begin("lime", classifier, quadrant_scene(), 3, samples=230, **chosen))
    broken = begin("lime", classifier, quadrant_scene(), 3, samples=70, **chosen)
    finish(broken).maps()
    assert broken.evaluations == 70
    broken.budget = 230
    finish(broken)
    assert broken.evaluations == through.evaluations == 230
    np.testing.assert_allclose(broken.maps().native, through.maps().native, rtol=1e-4, atol=1e-7)
    assert broken.maps() is broken.maps()
    other = finish(begin("lime", classifier, quadrant_scene(), 4, samples=230, **chosen)).maps()
    assert not np.allclose(other.native, through.maps().native, rtol=1e-3)


@pytest.mark.parametrize("cut", ["slic", "grid"])
def test_an_even_picture_has_no_evidence_at_all(classifier: Classifier, cut: str) -> None:
    maps = finish(begin("lime", classifier, ImageContext(np.full((32, 32, 3), 90, np.uint8)), superpixels=cut)).maps()
    assert not maps.native.any() and maps.error is not None and not maps.error.any()


def test_nothing_to_show_before_the_first_step(classifier: Classifier) -> None:
    estimator = begin("lime", classifier, ImageContext(noise(2)), samples=20)
    with pytest.raises(InputError, match="do a step"):
        estimator.maps()
    estimator.advance()
    first = estimator.maps()
    assert first.error is None and np.isfinite(first.native).all() and first.native.any()


def game(keep: np.ndarray) -> np.ndarray:
    """Two outputs of 20 parts with effects of one, of two and of three parts, between 0 and 1 as probabilities."""
    signs, rng = 2.0 * keep - 1, np.random.default_rng(8)
    parts = keep.shape[1]
    level = signs @ rng.normal(size=parts) * 0.4
    for order, strength in ((2, 0.25), (3, 0.06)):
        for _ in range(60):
            level = level + strength * rng.normal() * signs[:, rng.permutation(parts)[:order]].prod(axis=1)
    return np.stack([1 / (1 + np.exp(-level)), np.tanh(level)], axis=1)


def estimate(design: object, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    keep = design(count, 20, seed).astype(float)  # type: ignore[operator]
    weights = lime_coefficients(keep, game(keep))
    return weights, lime_errors(keep, game(keep), weights, 2 if design is orthogonal else 1)


def test_balanced_masks_have_limes_limit_and_come_to_it_sooner() -> None:
    many = bernoulli(30_000, 20, 99).astype(float)
    limit = lime_coefficients(many, game(many))
    errors = {}
    for design in (bernoulli, orthogonal):
        found = np.stack([estimate(design, 257, seed)[0] for seed in range(16)])
        errors[design] = ((found - limit) ** 2).mean()
        assert spearmanr(found.mean(axis=0)[0], limit[0]).statistic > 0.98
    assert errors[orthogonal] < 0.6 * errors[bernoulli]
    exact = estimate(orthogonal, 2**13 + 1, 0)[0]
    assert np.abs(exact - limit).max() < 0.05 * np.abs(limit).max()


@pytest.mark.parametrize("design", [bernoulli, orthogonal])
def test_the_standard_error_is_the_spread_over_seeds(design: object) -> None:
    for count in (150, 400):
        runs = [estimate(design, count, seed) for seed in range(40)]
        spread = np.stack([weights for weights, _ in runs]).std(axis=0, ddof=1)
        claimed = np.sqrt(np.mean([errors**2 for _, errors in runs], axis=0))
        ratio = np.sqrt((claimed**2).mean(axis=1) / (spread**2).mean(axis=1))
        assert ((ratio > 0.8) & (ratio < 1.35)).all(), ratio


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("parts", [2, 50, 200, 400])
def test_the_nth_row_depends_on_seed_and_n_alone(name: str, parts: int) -> None:
    rows = DESIGNS[name](300, parts, 4)
    assert rows.shape == (300, parts) and rows.dtype == bool and rows[0].all()
    for count in (1, 2, 17, 130):
        assert np.array_equal(DESIGNS[name](count, parts, 4), rows[:count])
    assert not np.array_equal(DESIGNS[name](300, parts, 5), rows)


@pytest.mark.parametrize("name", DESIGNS)
def test_each_row_is_uniform_as_limes(name: str) -> None:
    rows = np.stack([DESIGNS[name](6, 5, seed)[1:] for seed in range(4000)])  # (seeds, 5, 5)
    codes = rows @ (2 ** np.arange(5))
    for row in range(5):
        counts = np.bincount(codes[:, row], minlength=32)
        assert ((counts - 125) ** 2 / 125).sum() < 70  # chi squared with 31 degrees of freedom, p < 0.0001


@pytest.mark.parametrize("parts", [8, 50, 64, 100, 200, 400])
def test_parts_are_uncorrelated_in_every_complete_block(parts: int) -> None:
    block = 2 ** (max(6, (parts - 1).bit_length()) + 1)
    signs = 2.0 * orthogonal(1 + 2 * block, parts, 1)[1:] - 1
    for at in (0, block):
        assert np.array_equal(signs[at : at + block].T @ signs[at : at + block], block * np.eye(parts))
    assert np.array_equal(signs[::2], -signs[1::2])


def test_a_whole_lap_is_an_orthogonal_array_of_strength_5() -> None:
    rows = orthogonal(1 + 2**13, 50, 2)[1:]
    rng = np.random.default_rng(0)
    chosen = [*itertools.combinations(range(6), 5), *(rng.permutation(50)[:5] for _ in range(30))]
    for columns in chosen:
        counts = np.bincount(rows[:, list(columns)] @ (2 ** np.arange(5)), minlength=32)
        assert (counts == 2**13 / 32).all()


def test_a_second_lap_is_drawn_anew() -> None:
    rows = orthogonal(1 + 2**13 + 200, 10, 0)[1:]
    assert not np.array_equal(rows[:200], rows[2**13 :])
