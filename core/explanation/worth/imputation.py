"""Pixels painted over from their neighbours, as ROAD does it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from core.errors import InputError

_WEIGHTS = {(0, 1): 1 / 6, (1, 0): 1 / 6, (1, 1): 1 / 12, (1, -1): 1 / 12}  # and their opposites
NOISE = 0.01  # standard deviation, of intensities in [0, 1]


def impute(picture: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Replace the pixels `missing` `(H, W) bool` of `picture` `(H, W, C)` by weighted means of their neighbours.

    Every missing pixel is the mean of its eight neighbours, 1/6 for those at its sides and 1/12 for those at its
    corners, over again where those are outside; all of them solve one sparse linear system (Rong et al. 2022,
    noisy linear imputation). InputError where no pixel is left to start from.
    """
    if not missing.any():
        return picture.copy()
    if missing.all():
        raise InputError("Every pixel is to be painted over: keep at least one.")
    height, width, channels = picture.shape
    weights, holes = _neighbours(height, width), missing.ravel()
    flat = picture.reshape(-1, channels)
    rows = weights[np.flatnonzero(holes)]
    inner = rows[:, np.flatnonzero(holes)]
    known = rows[:, np.flatnonzero(~holes)] @ flat[~holes]
    system = (diags_array(rows.sum(axis=1)) - inner).tocsc()
    solved = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = flat.copy()
    filled[holes] = solved.solve(known)
    return filled.reshape(picture.shape)


def noise_field(shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """The noise that is added to what was painted over, so that its smoothness does not give it away."""
    return np.random.default_rng([seed, 83]).normal(0.0, NOISE, shape)


@lru_cache(maxsize=4)
def _neighbours(height: int, width: int) -> csr_array:
    """Weights between the pixels of a picture, `(H * W, H * W)`, symmetric."""
    index = np.arange(height * width).reshape(height, width)
    starts, ends, values = [], [], []
    for (down, right), weight in _WEIGHTS.items():
        left = max(0, -right)
        here = index[: height - down, left : width - max(0, right)].ravel()
        there = index[down:, left + right : width + min(0, right)].ravel()
        starts += [here, there]
        ends += [there, here]
        values += [np.full(here.size, weight)] * 2
    entries = (np.concatenate(values), (np.concatenate(starts), np.concatenate(ends)))
    return csr_array(coo_array(entries, shape=(index.size, index.size)))
