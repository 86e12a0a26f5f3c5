"""Kernel SHAP: Shapley values of superpixels, by the regression that has them as its solution; and the coalitions it
asks about, in what order and with what weight."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.baselines import RegionSettings
from core.explanation.context import nbytes_of
from core.explanation.method import Estimator, Maps, Method, Regions, Request, one_step
from core.explanation.perturbation import RegionViews
from core.explanation.sampling import van_der_corput
from core.explanation.superpixels import lacks_regions, parts_field
from core.settings import number_field

Keep = NDArray[np.bool_]
Matrix = NDArray[np.float64]

SMALL = 10  # parts, up to which every coalition is asked about
NEGLIGIBLE = 1e-10  # of the largest eigenvalue: directions that no coalition so far tells apart


class Coalitions:
    """The sequence of coalitions of `parts` superpixels, 2 of them at least, drawn from `seed`.

    First none and all. Then those of 1 and of all but one, in pairs of complements; with up to SMALL parts every other
    size too, which makes the values exact. Then, without end, random ones in pairs of complements (Covert & Lee 2021)
    whose sizes follow the Shapley kernel (Lundberg & Lee 2017, theorem 2), spread evenly by van der Corput's sequence.
    """

    def __init__(self, parts: int, seed: int) -> None:
        self.parts, self._seed = parts, seed
        rng = np.random.default_rng([seed, 0])
        largest = parts // 2 if parts <= SMALL else 1
        fixed = [np.zeros(parts, dtype=np.bool_), np.ones(parts, dtype=np.bool_)]
        for size in range(1, largest + 1):
            fixed += _complete(parts, size, rng)
        self._fixed = np.array(fixed)
        self._sizes = np.arange(largest + 1, parts - largest)  # of the random ones
        self._later = np.zeros((0, parts), dtype=np.bool_)

    @property
    def fixed(self) -> int:
        """How many are asked about before the random ones."""
        return len(self._fixed)

    @property
    def nbytes(self) -> int:
        """Of the coalitions drawn so far."""
        return nbytes_of(self._fixed, self._sizes, self._later)

    @property
    def finite(self) -> bool:
        """Whether the fixed ones are all there are."""
        return len(self._sizes) == 0

    def first(self, count: int) -> Keep:
        """The first `count` `(count, parts)`; fewer where there are no more."""
        if self.finite or count <= self.fixed:
            return self._fixed[:count]
        while len(self._later) < count - self.fixed:
            self._draw(max(256, count - self.fixed - len(self._later)))
        return np.concatenate([self._fixed, self._later])[:count]

    def weights(self, count: int) -> NDArray[np.float64]:
        """What the first `count` weigh in the regression `(count,)`: in the end all sizes together 1, none and all 0.

        Random ones share the weight of the sizes that are not complete; while they are few, none of them weighs more
        than one of those asked about before, so that the values do not jump with the first of them.
        """
        mass = np.array([0.0] + [1 / (size * (self.parts - size)) for size in range(1, self.parts)] + [0.0])
        mass /= mass.sum()
        fixed = self._fixed[:count].sum(axis=1)
        each = mass[fixed] / np.bincount(fixed)[fixed]
        left = count - len(fixed)
        return np.concatenate([each, np.full(left, min(mass[self._sizes].sum() / max(left, 1), each.max()))])

    def _draw(self, rows: int) -> None:
        """Draw as many random rows more, or one more; the n-th pair from the seed and n alone."""
        start = len(self._later) // 2
        mass = 1 / (self._sizes * (self.parts - self._sizes))
        shares = np.cumsum(mass / mass.sum())
        shift = np.random.default_rng([self._seed, 1]).random()
        drawn = []
        numbers = np.arange(start, start + -(-rows // 2))
        places = (van_der_corput(numbers) + shift) % 1
        for number, size in zip(numbers, self._sizes[np.searchsorted(shares[:-1], places, side="right")], strict=True):
            kept = np.zeros(self.parts, dtype=np.bool_)
            kept[np.random.default_rng([self._seed, 2, int(number)]).permutation(self.parts)[:size]] = True
            drawn += [kept, ~kept]
        self._later = np.concatenate([self._later, drawn])


def _complete(parts: int, size: int, rng: np.random.Generator) -> list[Keep]:
    """All coalitions of `size`, each followed by its complement, in random order; each once also where both agree."""
    chosen = list(itertools.combinations(range(parts), size))
    if 2 * size == parts:
        chosen = chosen[: len(chosen) // 2]  # the others are their complements
    rows = []
    for index in rng.permutation(len(chosen)):
        kept = np.zeros(parts, dtype=np.bool_)
        kept[list(chosen[index])] = True
        rows += [kept, ~kept]
    return rows


class KernelShapSettings(RegionSettings):
    """Settings of kernel SHAP."""

    budget_name = "samples"

    samples: int = number_field(
        1000,
        10,
        20_000,
        "Samples",
        "Selections of superpixels that the model is asked about; it stops earlier where there are no more.",
    )
    regions: int = parts_field(36)


class KernelShapEstimator(Estimator):
    """Outputs for the first coalitions, and the regression on them when maps are asked for."""

    request: Request[KernelShapSettings]

    def __init__(self, request: Request[KernelShapSettings]) -> None:
        super().__init__(request)
        self._views = RegionViews(request)
        self._coalitions = Coalitions(self._views.parts, request.seed)
        self._solved: tuple[int, Maps] | None = None

    @property
    def evaluations(self) -> int:
        """Coalitions evaluated, that of none and that of all first."""
        return self._views.count

    @property
    def done(self) -> bool:
        """Whether the budget is spent or every coalition was asked about."""
        return super().done or (self._coalitions.finite and self.evaluations == self._coalitions.fixed)

    @property
    def nbytes(self) -> int:
        """Of its own arrays."""
        return nbytes_of(self._views, self._coalitions, self._solved and self._solved[1])

    def advance(self) -> None:
        """Evaluate some more coalitions."""
        one_step(self._block, lambda: not self.done)

    def _block(self) -> None:
        start = self.evaluations
        stop = min(start + self._views.batch, self.budget)
        self._views.ask(self._coalitions.first(stop)[start:])

    def maps(self) -> Maps:
        """Each superpixel's Shapley value `(K, S, S)`; solved once for as many coalitions as there are."""
        count = self.evaluations
        if count < 2:
            raise InputError("Nothing has been evaluated yet: do a step first.")
        if self._solved is None or self._solved[0] != count:
            self._solved = count, self._solve(count)
        return self._solved[1]

    def _solve(self, count: int) -> Maps:
        keep, weights = self._coalitions.first(count).astype(np.float64), self._coalitions.weights(count)
        logits = self._views.logits
        gains, total = logits - logits[0], logits[1] - logits[0]
        values = shapley_values(keep, weights, gains, total)
        fixed = self._coalitions.fixed
        if self._coalitions.finite and count == fixed:
            errors, note = np.zeros_like(values), "All coalitions were asked about: the values are exact."
        else:
            errors, note = shapley_errors(keep, weights, gains, values, fixed), self._so_far(count)
        known = Regions(self._views.labels, values.astype(np.float32), errors.astype(np.float32))
        error = self._views.painted(errors) if np.isfinite(errors).all() else None
        return Maps(
            self._views.painted(values),
            error=error,
            gap=_gap(values, total),
            regions=known,
            note=note,
            total=total.astype(np.float32),
        )

    def _so_far(self, count: int) -> str:
        seen = (count - 2) // 2
        if seen >= self._views.parts:
            return ""
        return f"{seen} of {self._views.parts} superpixels were looked at; the others share what is left."


def shapley_values(keep: Matrix, weights: Matrix, gains: Matrix, total: Matrix) -> Matrix:
    """Shapley values `(K, s)` by weighted least squares under the constraint that they add up to `total` `(K,)`.

    `keep` `(n, s)` of 0 and 1 with `weights` `(n,)`; `gains` `(n, K)` of the outputs over that of the empty coalition
    (Lundberg & Lee 2017, theorem 2; the constrained solution in closed form: Covert & Lee 2021, eq. 7). Superpixels
    that the coalitions do not tell apart share evenly.
    """
    parts = keep.shape[1]
    even = keep.mean(axis=1, keepdims=True) * total  # what equal values would give, (n, K)
    found = _inverse(keep, weights) @ (_centred(keep) * weights[:, None]).T @ (gains - even)
    return np.asarray((total / parts + found - found.mean(axis=0)).T)


def shapley_errors(keep: Matrix, weights: Matrix, gains: Matrix, values: Matrix, fixed: int) -> Matrix:
    """Standard errors `(K, s)`; NaN where there are too few random coalitions to tell.

    The sandwich estimator for clusters (Liang & Zeger 1986): the pairs of complements after the first `fixed`
    coalitions, which were not drawn at random. A residual is what it would be without its pair in the fit (HC3,
    MacKinnon & White 1985), which errs on the side of caution where pairs are few.
    """
    pairs = (len(keep) - fixed) // 2
    if pairs < 2 * keep.shape[1]:
        return np.full_like(values, np.nan)
    drawn = slice(fixed, fixed + 2 * pairs)
    inverse, centred = _inverse(keep, weights), _centred(keep[drawn])
    leverage = 2 * weights[-1] * ((centred @ inverse) * centred).sum(axis=1)  # of the pair, as both are opposite
    residual = (gains - keep @ values.T)[drawn] * (weights[drawn] / np.maximum(1 - leverage, 1e-6))[:, None]  # (n, K)
    scores = (centred[:, None] * residual[:, :, None]).reshape(pairs, 2, *values.shape).sum(axis=1)
    scores -= scores.mean(axis=0)
    spread = scores @ inverse  # (pairs, K, s)
    return np.asarray(np.sqrt((spread**2).sum(axis=0) * pairs / (pairs - 1)))


def _centred(keep: Matrix) -> Matrix:
    """Rows less their mean: what is left of them where values must add up to 0."""
    return keep - keep.mean(axis=1, keepdims=True)


def _inverse(keep: Matrix, weights: Matrix) -> Matrix:
    centred = _centred(keep)
    return np.asarray(np.linalg.pinv((centred * weights[:, None]).T @ centred, rcond=NEGLIGIBLE, hermitian=True))


def _gap(values: Matrix, total: Matrix) -> NDArray[np.float32]:
    """How far values are from adding up to `total`, relative; 0 where both are 0."""
    missing = values.sum(axis=1) - total
    return np.divide(missing, np.abs(total), out=np.zeros_like(total), where=total != 0).astype(np.float32)


KERNEL_SHAP = Method(
    "shap-kernel",
    "Kernel SHAP",
    "masks",
    True,
    "logit",
    "Lundberg & Lee 2017, theorem 2",
    "Shares the logit's difference between the whole and the hidden picture out among superpixels, by what each adds "
    "on average to every possible selection of the others. The values add up exactly.",
    KernelShapEstimator,
    KernelShapSettings,
    uncertainty="standard error",
    linear=True,
    misfit=lacks_regions,
)
