"""Sampling: the draws of expected gradients, spread so evenly that few are needed, with the error of their mean; and
running means of scores times masks, pixel by pixel, with their standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.explanation.context import nbytes_of

Matrix = NDArray[np.float64]

GOLDEN = 0.5 * (5**0.5 - 1)
SAMPLED = 16  # pixels a side whose values are kept for the standard error
FOLD = 64  # draws that wait for one product of matrices


def spread_draws(seed: int, pictures: int, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draws `first` up to `last`: which background picture `(n,)`, and how far along the path to it, `(n,)` in [0, 1).

    Draw n depends on seed, `pictures` and n alone. Every round takes each background picture once, in an order drawn
    from the seed; a picture's places on its path follow van der Corput's sequence (its first 2^j are equally spaced),
    shifted by a fraction of its own (Cranley & Patterson 1976; over the pictures, multiples of the golden section), so
    that each draw alone is uniform and the mean is unbiased.
    """
    rng = np.random.default_rng([seed, pictures])
    order, start = rng.permutation(pictures), rng.random()
    rounds, turns = np.divmod(np.arange(first, last), pictures)
    return order[turns].astype(np.int64), (start + GOLDEN * turns + van_der_corput(rounds)) % 1.0


def van_der_corput(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Van der Corput's sequence in base 2: the number's bits mirrored at the point."""
    left, place, values = numbers.copy(), 0.5, np.zeros(len(numbers))
    while left.any():
        values += place * (left & 1)
        left, place = left >> 1, place / 2
    return values


class SpreadMean:
    """Mean of maps `(K, S, S)`, one a draw, and its standard error, which counts on how the draws are spread."""

    def __init__(self, pictures: int) -> None:
        self.count = 0
        self._pictures = pictures
        self._sum = np.zeros(())  # (K, S, S) after the first draw
        self._squares = np.zeros(())
        self._kept: list[NDArray[np.float32]] = []  # (n, K, P) each
        self._owners: list[NDArray[np.int64]] = []
        self._alphas: list[NDArray[np.float64]] = []

    def add(self, values: NDArray[np.float32], owners: NDArray[np.int64], alphas: NDArray[np.float64]) -> None:
        """Take in the maps `(K, n, S, S)` of n draws."""
        self.count += values.shape[1]
        self._sum = self._sum + values.sum(axis=1, dtype=np.float64)
        self._squares = self._squares + np.square(values, dtype=np.float64).sum(axis=1)
        step = -(-values.shape[-1] // SAMPLED)
        kept = values[:, :, step // 2 :: step, step // 2 :: step]
        self._kept.append(kept.reshape(*kept.shape[:2], -1).transpose(1, 0, 2).copy())
        self._owners.append(owners)
        self._alphas.append(alphas)

    @property
    def nbytes(self) -> int:
        """Of the sums and of what is kept for the error."""
        return nbytes_of(self._sum, self._squares, self._kept, self._owners, self._alphas)

    @property
    def mean(self) -> NDArray[np.float32]:
        """`(K, S, S)`."""
        return np.asarray(self._sum / self.count, dtype=np.float32)

    @property
    def error(self) -> NDArray[np.float32] | None:
        """Standard error of the mean `(K, S, S)`; None before two draws.

        That of independent draws, times a factor a class for the evenness of these (`evenness`).
        """
        if self.count < 2:
            return None
        variance = (self._squares - np.square(self._sum) / self.count) / (self.count - 1)
        factor = evenness(
            np.concatenate(self._kept), np.concatenate(self._owners), np.concatenate(self._alphas), self._pictures
        )
        return np.sqrt(np.maximum(variance, 0) / self.count * factor[:, None, None]).astype(np.float32)


def evenness(
    values: NDArray[np.float32], owners: NDArray[np.int64], alphas: NDArray[np.float64], pictures: int
) -> NDArray[np.float64]:
    """Variance of the mean of spread draws over that of as many independent ones, `(K,)`, at most 1.

    `values` `(n, K, P)`. Differences between background pictures cancel in full rounds; what is left is the error on
    the paths. There neighbouring draws are taken to be correlated as exp(-s), s their distance in units of the
    correlation's length, which their mean squared difference gives; equally spaced draws then have coth(s/2) - 2/s
    times the variance of independent ones (systematic sampling, Cochran 1946). 1 before a picture was drawn twice.
    """
    count = len(owners)
    order = np.lexsort((alphas, owners))
    owners, values = owners[order], values[order].astype(np.float64)
    same = owners[1:] == owners[:-1]
    total = values.var(axis=0, ddof=1).mean(axis=-1)  # (K,)
    if not same.any():
        return np.ones_like(total)
    means = np.zeros((pictures, *values.shape[1:]))
    np.add.at(means, owners, values)
    means /= np.maximum(np.bincount(owners, minlength=pictures), 1)[:, None, None]
    within = np.square(values - means[owners]).mean(axis=-1).sum(axis=0) / same.sum()
    steps = 0.5 * np.square(values[1:] - values[:-1])[same].mean(axis=(0, 2))
    tiny = np.finfo(np.float64).tiny
    spacing = -np.log1p(-np.clip(steps / np.maximum(within, tiny), 1e-6, 1 - 1e-6))
    along = within * (1 / np.tanh(spacing / 2) - 2 / spacing)
    extra = count % pictures
    between = np.maximum(total - within, 0) * extra * (pictures - extra) / (pictures * count)
    return np.clip((along + between) / np.maximum(total, tiny), 0, 1)


class ProductMeans:
    """Of draws with scores a `(K,)` and masks c `(P,)` of mean 0: the mean of a c, or of (a - mean a) c.

    The second has the same expectation for independent a and c, and no noise where a is the same in all draws; it needs
    more sums, kept only if `centred`. Scores are summed less the first draw's, against rounding.
    """

    def __init__(self, classes: int, pixels: int, centred: bool) -> None:
        self._centred = centred
        self._classes = classes
        self.count = 0
        self._origin = np.zeros(classes)
        self._scores = np.zeros(classes)
        self._first = np.zeros((classes + centred, pixels))  # sums of a c, and of c
        self._second = np.zeros((2 * classes + 1 if centred else classes, pixels))  # of a^2 c^2, and of a c^2 and c^2
        self._waiting: list[tuple[Matrix, NDArray[np.float32]]] = []

    def add(self, scores: Matrix, masks: NDArray[np.float32]) -> None:
        """Add draws: `scores` `(n, K)` and `masks` `(n, P)`."""
        if self._centred and self.count == 0:
            self._origin = scores[0]
        self.count += len(scores)
        self._scores += (scores - self._origin).sum(axis=0)
        self._waiting.append((scores - self._origin, masks))
        if sum(len(some) for some, _ in self._waiting) >= FOLD:
            self._first, self._second = self._sums()
            self._waiting = []

    @property
    def nbytes(self) -> int:
        """Of the sums and of what waits."""
        return nbytes_of(self._origin, self._scores, self._first, self._second, self._waiting)

    def _sums(self) -> tuple[Matrix, Matrix]:
        """Both sums with the waiting draws, which go on waiting, so that looking changes no rounding."""
        if not self._waiting:
            return self._first, self._second
        scores = np.concatenate([some for some, _ in self._waiting])  # (n, K)
        masks = np.concatenate([some for _, some in self._waiting])  # (n, P)
        ones = np.ones((len(scores), 1))
        once = [scores, ones] if self._centred else [scores]
        squares = [scores**2, scores, ones] if self._centred else [scores**2]
        first = np.hstack(once).astype(np.float32).T @ masks
        second = np.hstack(squares).astype(np.float32).T @ masks**2
        return self._first + first, self._second + second

    def plain(self) -> Matrix:
        """Mean of a c, `(K, P)`."""
        first, _ = self._sums()
        total = first[: self._classes]
        return (total + self._origin[:, None] * first[-1] if self._centred else total) / self.count

    def means_and_errors(self) -> tuple[Matrix, Matrix]:
        """Mean of (a - mean a) c if centred, else of a c, and its standard error, `(K, P)` each."""
        first, second = self._sums()
        total, squares = first[: self._classes], second[: self._classes]
        if self._centred:
            middle = (self._scores / self.count)[:, None]
            total = total - middle * first[-1]
            squares = squares - 2 * middle * second[self._classes : -1] + middle**2 * second[-1]
        mean = total / self.count
        variance = np.maximum(squares / self.count - mean**2, 0)
        return mean, np.sqrt(variance / max(self.count - 1, 1))
