"""Agreement beyond chance: published worked examples, definitions written slowly, scikit-learn, odd raters."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from core.evaluation.agreement import SILENT, cohens_kappa, kappa_value, krippendorffs_alpha, ratings_of


def grid(*rows: str) -> np.ndarray:
    """Ratings as papers print them: a digit for what was said, a point for nothing."""
    return np.array([[SILENT if sign == "." else int(sign) for sign in row.split()] for row in rows])


def slow_alpha(ratings: np.ndarray) -> float:
    """1 - D_o / D_e: how often two differ within an image, and how often any two of all pairable values do."""
    units = [[value for value in column if value != SILENT] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]
    within = sum(sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(everything)
    count = len(everything)
    across = sum(a != b for a, b in permutations(everything, 2)) / (count * (count - 1))
    return 1 - within / across


def test_alpha_of_krippendorffs_example() -> None:
    """Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: 0.743 for nominal data."""
    ratings = grid(
        "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."
    )
    assert krippendorffs_alpha(ratings).value == pytest.approx(0.743, abs=5e-4)
    assert krippendorffs_alpha(ratings).of == 11  # the twelfth was looked at by one alone


@pytest.mark.parametrize("seed", range(4))
def test_alpha_is_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    ratings = random.integers(-1, 4, size=(int(random.integers(2, 6)), 25))
    found = krippendorffs_alpha(ratings)
    assert found.value == pytest.approx(slow_alpha(ratings))
    assert found.low < found.value < found.high


def test_alpha_of_raters_who_agree_who_do_not_and_who_cannot() -> None:
    assert krippendorffs_alpha(grid("0 1 2 1", "0 1 2 1")).value == 1
    assert krippendorffs_alpha(grid("0 1 0 1", "1 0 1 0")).value < 0
    assert not krippendorffs_alpha(grid("3 3 3", "3 3 3")).defined
    assert not krippendorffs_alpha(grid("1 . 2", ". 1 .")).defined
    assert not krippendorffs_alpha(np.zeros((2, 0), dtype=np.int64)).defined


@pytest.mark.parametrize("seed", range(3))
def test_kappa_is_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    one = random.integers(0, 4, 120)
    other = np.where(random.random(120) < 0.6, one, random.integers(0, 4, 120))
    counts = np.array([[int(((one == a) & (other == b)).sum()) for b in range(4)] for a in range(4)])
    assert cohens_kappa(counts).value == pytest.approx(cohen_kappa_score(one, other))
    assert kappa_value(counts) == cohens_kappa(counts).value


def test_kappa_of_cohens_table() -> None:
    """Cohen 1960, table 1, as counts of 200: p_o 0.70, p_e 0.41, kappa 0.492."""
    found = cohens_kappa(np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]]))
    assert found.value == pytest.approx(0.492, abs=5e-4)
    error = np.sqrt(0.70 * 0.30 / (200 * 0.59**2))  # his equation 7
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)


def test_kappa_where_chance_agrees_fully_is_not_defined() -> None:
    assert not cohens_kappa(np.array([[7, 0], [0, 0]])).defined
    assert not cohens_kappa(np.zeros((2, 2), dtype=np.int64)).defined
    assert cohens_kappa(np.array([[3, 0], [0, 4]])).value == 1


def test_ratings_leave_gaps_where_nothing_was_said() -> None:
    ratings = ratings_of([{"x": "b", "y": "a"}, {"y": "a", "z": "c"}])
    assert ratings.tolist() == [[1, 0, SILENT], [SILENT, 0, 2]]
