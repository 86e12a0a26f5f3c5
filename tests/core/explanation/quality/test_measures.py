from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.explanation.quality.similarity import gini, map_ssim, pointing, positive_share, spearman


def noise(seed: int, side: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)


def test_gini_is_half_the_relative_mean_difference() -> None:
    values = noise(0)
    sizes = np.abs(values.astype(np.float64)).ravel()
    pairs = sum(abs(one - other) for one in sizes for other in sizes)
    assert gini(values) == pytest.approx(pairs / (2 * sizes.size**2 * sizes.mean()), abs=1e-9)


def test_gini_of_even_and_of_single_evidence() -> None:
    single = np.zeros((10, 10), np.float32)
    assert gini(single) is None
    single[3, 4] = -2
    assert gini(single) == pytest.approx(0.99)
    assert gini(np.ones((10, 10), np.float32)) == pytest.approx(0.0)


def test_the_share_counts_positive_evidence_alone() -> None:
    values, inside = noise(1), noise(2) > 0
    within = total = 0.0
    for row in range(12):
        for column in range(12):
            if values[row, column] > 0:
                total += values[row, column]
                within += values[row, column] if inside[row, column] else 0
    assert positive_share(values, inside) == pytest.approx(within / total, rel=1e-5)
    assert positive_share(-np.abs(values), inside) is None


def test_pointing_asks_where_the_maximum_is_and_shares_a_flat_one() -> None:
    values, inside = np.zeros((6, 6), np.float32), np.zeros((6, 6), bool)
    inside[:3] = True
    assert pointing(values, inside) is None
    values[1, 1] = 2
    assert pointing(values, inside) == 1.0
    values[5, 5] = 3
    assert pointing(values, inside) == 0.0
    values[4:, 0] = values[0, 0] = 3
    assert pointing(values, inside) == 0.25


def test_rank_correlation_is_scipys_ties_included() -> None:
    one, other = np.maximum(noise(3), 0), np.round(noise(4), 1)
    assert spearman(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-12)
    assert spearman(one, np.ones_like(one)) is None


def test_structure_is_the_same_whatever_the_scale() -> None:
    one = noise(5, 32)
    assert map_ssim(one, 7 * one) == pytest.approx(1.0)
    assert map_ssim(one, noise(6, 32)) < 0.2  # type: ignore[operator]
    assert map_ssim(one, np.zeros_like(one)) is None
