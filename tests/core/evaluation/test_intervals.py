"""Curves and areas against scikit-learn, the definition written out, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from core.evaluation.intervals import corners, delong, f1_score, newcombe, roc, wilson


def toy(seed: int, count: int = 200, tied: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = random.random(count) < 0.3
    scores = random.normal(size=count) + positive
    return (np.round(scores) if tied else scores), positive


@pytest.mark.parametrize("tied", [False, True])
def test_areas_and_curves_equal_scikit_learns(tied: bool) -> None:
    scores, positive = toy(1, tied=tied)
    curve, area = roc("a", scores, positive)
    assert area is not None and curve.auc.value == pytest.approx(roc_auc_score(positive, scores))
    false, true, _ = roc_curve(positive, scores)
    assert curve.false_positive == pytest.approx(tuple(false)) and curve.true_positive == pytest.approx(tuple(true))
    assert np.trapezoid(curve.true_positive, curve.false_positive) == pytest.approx(curve.auc.value)


def test_delong_equals_its_definition() -> None:
    """Every pair compared, as the paper writes it; the variances of the two means of structural components."""
    scores, positive = toy(2, count=60, tied=True)
    inside, outside = scores[positive], scores[~positive]
    wins = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in outside] for x in inside])
    area = delong(scores, positive)
    assert area is not None and area.value == pytest.approx(wins.mean())
    variance = wins.mean(axis=1).var(ddof=1) / len(inside) + wins.mean(axis=0).var(ddof=1) / len(outside)
    assert (area.parts**2).sum() == pytest.approx(variance)


def test_the_interval_covers_as_often_as_it_says() -> None:
    from scipy.stats import norm

    truth = norm.cdf(1 / np.sqrt(2))
    found = [roc("a", *toy(seed, count=120))[0].auc for seed in range(800)]
    assert 0.925 < np.mean([one.low <= truth <= one.high for one in found]) < 0.975


def test_a_perfect_area_is_not_said_to_be_certain() -> None:
    curve, _ = roc("a", np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert curve.auc.value == 1 and curve.auc.high == 1 and 0.2 < curve.auc.low < 0.9
    assert curve.false_positive == (0, 0, 1) and curve.true_positive == (0, 1, 1)
    assert newcombe(1, 500, 500)[0] > 0.98 and newcombe(0, 20, 20)[0] == 0


def test_newcombes_ends_solve_his_equation() -> None:
    low, high = newcombe(0.8, 30, 50)
    assert low < 0.8 < high
    for value, end in ((0.8, low), (0.8, high), (1.0, newcombe(1, 30, 50)[0]), (0.0, newcombe(0, 30, 50)[1])):
        half = 40 - 1
        variance = end * (1 - end) * (1 + half * (1 - end) / (2 - end) + half * end / (1 + end)) / (30 * 50)
        assert abs(value - end) == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5) and abs(value - end) > 0.01


@pytest.mark.parametrize("positive", [np.zeros(4, dtype=bool), np.ones(4, dtype=bool)])
def test_a_curve_needs_both_sides(positive: np.ndarray) -> None:
    curve, area = roc("a", np.arange(4.0), positive)
    assert area is None and not curve.auc.defined and curve.false_positive == ()


def test_equal_scores_are_one_straight_step() -> None:
    false, true = corners(np.zeros(6), np.array([True, False] * 3))
    assert false.tolist() == [0, 1] and true.tolist() == [0, 1]


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (10, 10), (1, 1), (81, 263), (2074, 2099), (17_091, 17_092)])
def test_the_ends_solve_wilsons_equation(hits: int, of: int) -> None:
    """|share - p| = z sqrt(p (1 - p) / n), as a quadratic equation in p."""
    found, z2 = wilson(hits, of), norm.ppf(0.975) ** 2
    ends = sorted(np.roots([of**2 + z2 * of, -(2 * hits * of + z2 * of), hits**2]).real)
    assert found.value == hits / of and found.of == of
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=1e-9)
    assert (found.low == 0) == (hits == 0) and (found.high == 1) == (hits == of)


def test_no_trials_give_no_share() -> None:
    assert wilson(0, 0).model_dump() == {"value": None, "low": None, "high": None, "of": 0}
    assert not f1_score(0, 0, 0).defined


def test_f1_is_the_harmonic_mean_and_its_interval_holds_it() -> None:
    found = f1_score(80, 10, 30)
    precision, sensitivity = 80 / 90, 80 / 110
    assert found.value == pytest.approx(2 * precision * sensitivity / (precision + sensitivity))
    assert found.low < found.value < found.high and found.of == 120
    assert f1_score(0, 5, 5).value == 0 and f1_score(0, 5, 5).low == 0 and f1_score(0, 5, 5).high < 0.5


def test_the_interval_of_f1_covers_as_often_as_it_says() -> None:
    """Draw confusion counts of a known classifier: 95 % intervals hold the true F1 in 92 to 98 % of 2,000 draws."""
    random = np.random.default_rng(1)
    shares = np.array([0.16, 0.05, 0.04, 0.75])  # right, wrongly named, missed, rest
    truth = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    intervals = [f1_score(*map(int, draw[:3])) for draw in random.multinomial(400, shares, size=2000)]
    covered = np.mean([one.low <= truth <= one.high for one in intervals])
    assert 0.92 < covered < 0.98
