"""Coefficients of agreement against published examples, definitions written slowly, and scikit-learn."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from core.teaching.agreement import MISSING, multi_kappa, nominal_alpha, over_cells, pair_kappa, vote_counts

# Fleiss 1971, table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
FLEISS = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 00501 30012 51000 02040
10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
# Krippendorff 2011, example C: four observers, twelve units, nominal alpha 0.743.
KRIPPENDORFF = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def slow_kappa(counts: np.ndarray) -> float:
    """Fleiss' kappa by listing all pairs of votes of each cell."""
    per_cell, every = [], []
    for row in counts:
        votes = [label for label, count in enumerate(row) for _ in range(count)]
        pairs = list(permutations(range(len(votes)), 2))
        per_cell.append(sum(votes[a] == votes[b] for a, b in pairs) / len(pairs))
        every += votes
    chance = sum((every.count(label) / len(every)) ** 2 for label in set(every))
    return (sum(per_cell) / len(per_cell) - chance) / (1 - chance)


def slow_alpha(votes: np.ndarray) -> float:
    """Krippendorff's alpha by its coincidence matrix, pair by pair."""
    size = int(votes.max()) + 1
    matrix = np.zeros((size, size))
    for column in votes.T:
        there = [vote for vote in column if vote != MISSING]
        for a, b in permutations(range(len(there)), 2):
            matrix[there[a], there[b]] += 1 / (len(there) - 1)
    margins, total = matrix.sum(axis=1), matrix.sum()
    observed = total - np.trace(matrix)
    expected = sum(margins[a] * margins[b] for a, b in permutations(range(size), 2)) / (total - 1)
    return float(1 - observed / expected)


def made_up(people: int, cells: int, classes: int, missing: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, cells)
    votes = np.where(random.random((people, cells)) < 0.6, truth, random.integers(0, classes, (people, cells)))
    return np.where(random.random((people, cells)) < missing, MISSING, votes)


def test_fleiss_own_example() -> None:
    counts = np.array([[int(digit) for digit in row] for row in FLEISS.split()])
    assert counts.shape == (30, 5) and (counts.sum(axis=1) == 6).all()
    assert multi_kappa(counts) == pytest.approx(0.430, abs=5e-4)


def test_krippendorffs_own_example() -> None:
    votes = np.array([[MISSING if one == "." else int(one) - 1 for one in row] for row in KRIPPENDORFF])
    assert nominal_alpha(vote_counts(votes, 5)) == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("seed", range(4))
def test_against_definitions_written_slowly(seed: int) -> None:
    votes = made_up(7, 9, 4, 0.3, seed)
    counts = vote_counts(votes, 4)
    several = votes[:, counts.sum(axis=1) >= 2]
    assert nominal_alpha(counts) == pytest.approx(slow_alpha(several))
    assert multi_kappa(counts) == pytest.approx(slow_kappa(vote_counts(several, 4)))


@pytest.mark.parametrize("seed", range(4))
def test_two_against_scikit_learn(seed: int) -> None:
    first, second = made_up(2, 60, 5, 0.0, seed)
    assert pair_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))
    gaps = second.copy()
    gaps[::7] = MISSING
    kept = gaps != MISSING
    assert pair_kappa(first, gaps) == pytest.approx(cohen_kappa_score(first[kept], second[kept]))


def test_what_is_not_defined_is_none() -> None:
    one_class, nobody = np.array([[4, 0], [3, 0]]), np.zeros((3, 2), dtype=np.int64)
    assert [multi_kappa(one_class), nominal_alpha(one_class), multi_kappa(nobody), nominal_alpha(nobody)] == [None] * 4
    same = np.zeros(3, dtype=np.int64)
    assert pair_kappa(same, same) is None and pair_kappa(same, same + MISSING) is None


def test_intervals_are_seeded_and_hold_the_figure() -> None:
    counts = vote_counts(made_up(8, 20, 4, 0.1), 4)
    first, again = (over_cells(lambda cells: multi_kappa(counts[cells]), 20, draws=200) for _ in range(2))
    assert first == again
    assert first.low is not None and first.high is not None and first.value is not None
    assert first.low < first.value < first.high
    assert over_cells(lambda cells: 0.5, 1).low is None and over_cells(lambda cells: None, 5).value is None
