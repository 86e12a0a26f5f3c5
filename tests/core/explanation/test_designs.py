from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.explanation.methods.lime import DESIGNS, orthogonal


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("parts", [2, 50, 200])
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


@pytest.mark.parametrize("parts", [8, 50, 64, 100, 200])
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
