"""LIME: a linear model of the class's probability, in which superpixels are kept and which hidden; and the samples it
is fitted to, drawn one by one or laid out so that fewer tell as much."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import RegionSettings
from core.explanation.context import nbytes_of
from core.explanation.method import Estimator, Maps, Method, Regions, Request, one_step
from core.explanation.perturbation import RegionViews
from core.explanation.superpixels import lacks_regions
from core.settings import choice_field, number_field

Keep = NDArray[np.bool_]
Matrix = NDArray[np.float64]

# Polynomials of the fields of 2^6 to 2^9 elements
IRREDUCIBLE = {6: 0b1000011, 7: 0b10000011, 8: 0b100011011, 9: 0b1000010001}
KERNEL_WIDTH = 0.25  # lime's, of an exponential kernel on the cosine distance
MOST_SAMPLES = 20_000


def bernoulli(count: int, parts: int, seed: int) -> Keep:
    """Rows `(count, parts)`: each part kept or not by the toss of a coin, as lime does it; the first keeps all."""
    keep = np.ones((count, parts), dtype=np.bool_)
    keep[1:] = np.random.default_rng(seed).random((max(count - 1, 0), parts)) < 0.5
    return keep


def orthogonal(count: int, parts: int, seed: int) -> Keep:
    """Rows `(count, parts)` each uniform as lime's, but balanced among each other; the first keeps all.

    Rows come in pairs of complements, which cancels the interactions of two parts and of every even number. The pairs
    run through the words of the dual of a two-error-correcting BCH code (Bose & Ray-Chaudhuri 1960), column by column
    an element x and its cube: in every 2^(k+1) rows (k = 6 up to 64 parts, 7 up to 128, 8 up to 256, 9 above) no two
    parts are correlated, and in all 2^(2k+1) of them no part with any three others (an orthogonal array of strength 5,
    Rao 1947). Which part is which column, and which of its values means kept, is drawn from `seed` for each such round.
    """
    keep = np.ones((count, parts), dtype=np.bool_)
    pairs = count // 2  # rows 1 and 2, 3 and 4, ...
    bits = max(6, (parts - 1).bit_length())
    laps = [_lap(min(pairs - at, 4**bits), parts, bits, [seed, lap]) for lap, at in enumerate(range(0, pairs, 4**bits))]
    if laps:
        first = np.concatenate(laps)
        both = np.stack([first, ~first], axis=1).reshape(-1, parts)
        keep[1:] = both[: count - 1]
    return keep


def _lap(pairs: int, parts: int, bits: int, seed: list[int]) -> Keep:
    """The first rows of `pairs` pairs of one round, `(pairs, parts)`."""
    rng = np.random.default_rng(seed)
    elements = rng.permutation(2**bits)[:parts]
    kept = rng.integers(0, 2, parts)
    order = np.concatenate([block * 2**bits + rng.permutation(2**bits) for block in range(-(-pairs // 2**bits))])
    codes = np.array([_cube(int(element), bits) << bits | int(element) for element in elements])
    words = order[:pairs, None] & codes  # (pairs, parts)
    return np.asarray((np.bitwise_count(words) + kept) % 2 == 1)


def _cube(element: int, bits: int) -> int:
    return _product(_product(element, element, bits), element, bits)


def _product(first: int, second: int, bits: int) -> int:
    """The product of two elements of the field of 2^`bits` elements, polynomials over 0 and 1 as whole numbers."""
    total = 0
    while second:
        total ^= first * (second & 1)
        first, second = first << 1, second >> 1
        first ^= IRREDUCIBLE[bits] * (first >> bits)
    return total


DESIGNS: dict[str, Callable[[int, int, int], Keep]] = {"orthogonal": orthogonal, "bernoulli": bernoulli}


class LimeSettings(RegionSettings):
    """Settings of LIME."""

    budget_name = "samples"

    samples: int = number_field(
        1000,
        10,
        MOST_SAMPLES,
        "Samples",
        "Partly hidden pictures that the model is asked about. The standard error says how settled the map is.",
    )
    masks: Literal["orthogonal", "bernoulli"] = choice_field(
        "orthogonal",
        "Samples are",
        "orthogonal: balanced, so that fewer tell as much, with the same limit; bernoulli: each superpixel by the toss "
        "of a coin, as lime does.",
    )


class LimeEstimator(Estimator):
    """Outputs for the first samples of a design, and lime's regression on them when maps are asked for."""

    request: Request[LimeSettings]

    def __init__(self, request: Request[LimeSettings]) -> None:
        super().__init__(request)
        self._views = RegionViews(request)
        self._keep = np.zeros((0, self._views.parts), dtype=np.bool_)
        self._fitted: tuple[int, Maps] | None = None

    @property
    def evaluations(self) -> int:
        """Samples evaluated, the whole picture first."""
        return self._views.count

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._views, self._keep, self._fitted and self._fitted[1])

    def advance(self) -> None:
        """Evaluate some more samples."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        start = self.evaluations
        stop = min(start + self._views.batch, self.budget)
        if stop > len(self._keep):
            design = DESIGNS[self.request.settings.masks]
            self._keep = design(max(stop, self.budget), self._views.parts, self.request.seed)
        self._views.ask(self._keep[start:stop])

    def maps(self) -> Maps:
        """Each superpixel's coefficient `(K, S, S)`; fitted once for as many samples as there are."""
        count = self.evaluations
        if count == 0:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        if self._fitted is None or self._fitted[0] != count:
            self._fitted = count, self._fit(count)
        return self._fitted[1]

    def _fit(self, count: int) -> Maps:
        keep, outputs = self._keep[:count].astype(np.float64), self._views.probabilities
        weights = lime_coefficients(keep, outputs)
        paired = self.request.settings.masks == "orthogonal"
        errors = lime_errors(keep, outputs, weights, 2 if paired else 1)
        known = Regions(self._views.labels, weights.astype(np.float32), errors.astype(np.float32))
        error = self._views.painted(errors) if np.isfinite(errors).all() else None
        return Maps(self._views.painted(weights), error=error, regions=known)


def lime_coefficients(keep: Matrix, outputs: Matrix) -> Matrix:
    """Coefficients `(K, s)` of each superpixel by lime's own regression, exactly 0 where an output never changes.

    `keep` `(n, s)` of 0 and 1, first the whole picture; `outputs` `(n, K)`. Ridge regression with lime's penalty of 1,
    weighted by a kernel on the cosine distance from the whole picture (`lime.lime_base.LimeBase`).
    """
    lime_base: Any = importlib.import_module("lime.lime_base")
    base = lime_base.LimeBase(_kernel, random_state=0)
    distances = cosine_distances(keep)
    coefficients = np.zeros((outputs.shape[1], keep.shape[1]))
    for index, row in enumerate(coefficients):
        if np.ptp(outputs[:, index]) == 0:
            continue
        pairs = base.explain_instance_with_data(keep, outputs, distances, index, keep.shape[1], "none")[1]
        for part, value in pairs:
            row[part] = value
    return coefficients


def lime_errors(keep: Matrix, outputs: Matrix, coefficients: Matrix, size: int) -> Matrix:
    """Standard errors `(K, s)` of lime's coefficients; NaN where there are too few samples to tell, 0 where an output
    never changes.

    The sandwich estimator for clusters (Liang & Zeger 1986) of `size` samples that follow one another, the whole
    picture being one by itself, and corrected for the degrees of freedom that the coefficients take.
    """
    count, parts = keep.shape
    cluster = np.concatenate([[0], 1 + np.arange(count - 1) // size])
    clusters = int(cluster[-1]) + 1
    if clusters < 1.25 * (parts + 1):
        return np.full_like(coefficients, np.nan)
    weights = _kernel(cosine_distances(keep))
    share = weights / weights.sum()
    centred = keep - share @ keep
    bread = np.linalg.inv((centred * weights[:, None]).T @ centred + np.eye(parts))
    errors = np.zeros_like(coefficients)
    for index, row in enumerate(coefficients):
        if np.ptp(outputs[:, index]) == 0:
            continue
        residual = outputs[:, index] - share @ outputs[:, index] - centred @ row
        scores = np.zeros((clusters, parts))
        np.add.at(scores, cluster, centred * (weights * residual)[:, None])
        spread = scores @ bread
        errors[index] = np.sqrt((spread**2).sum(axis=0) * clusters / (clusters - parts - 1))
    return errors


def cosine_distances(keep: Matrix) -> Matrix:
    """Cosine distance `(n,)` of rows of 0 and 1 from the row of ones; 1 for the row of zeros."""
    return np.asarray(1 - np.sqrt(keep.mean(axis=1)))


def _kernel(distances: Matrix) -> Matrix:
    return np.asarray(np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2)))


LIME = Method(
    "lime",
    "LIME",
    "masks",
    True,
    "probability",
    "Ribeiro et al. 2016, eq. 1, algorithm 1",
    "Hides superpixels at random and fits a linear model to the class's probability: how much each superpixel adds to "
    "it on average, near the whole picture. What superpixels do only together it cannot say.",
    LimeEstimator,
    LimeSettings,
    uncertainty="standard error",
    linear=True,
    misfit=lacks_regions,
)
