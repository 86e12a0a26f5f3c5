"""Running means of scores times masks, pixel by pixel, with their standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.explanation.scene import nbytes_of

FOLD = 64  # draws that wait for one product of matrices

Matrix = NDArray[np.float64]


class Products:
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

    def settled(self) -> tuple[Matrix, Matrix]:
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
