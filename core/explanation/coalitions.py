"""Which coalitions of superpixels kernel SHAP asks about, in what order, and with what weight."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from core.explanation.draws import van_der_corput
from core.explanation.scene import nbytes_of

Keep = NDArray[np.bool_]
SMALL = 10  # parts, up to which every coalition is asked about


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
