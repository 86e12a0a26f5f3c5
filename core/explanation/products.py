"""Running means of scores times masks, pixel by pixel, with their standard errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
            self._fold()

    def _fold(self) -> None:
        if not self._waiting:
            return
        scores = np.concatenate([some for some, _ in self._waiting])  # (n, K)
        masks = np.concatenate([some for _, some in self._waiting])  # (n, P)
        self._waiting = []
        ones = np.ones((len(scores), 1))
        once = [scores, ones] if self._centred else [scores]
        squares = [scores**2, scores, ones] if self._centred else [scores**2]
        self._first += np.hstack(once).astype(np.float32).T @ masks
        self._second += np.hstack(squares).astype(np.float32).T @ masks**2

    def plain(self) -> Matrix:
        """Mean of a c, `(K, P)`."""
        self._fold()
        total = self._first[: self._classes]
        return (total + self._origin[:, None] * self._first[-1] if self._centred else total) / self.count

    def mean(self) -> Matrix:
        """Mean of (a - mean a) c `(K, P)` if centred, else of a c."""
        self._fold()
        total = self._first[: self._classes]
        return (total - self._middle() * self._first[-1] if self._centred else total) / self.count

    def error(self) -> Matrix:
        """Standard error of `mean`, `(K, P)`."""
        values = self.mean()
        squares = self._second[: self._classes]
        if self._centred:
            crossed, plain = self._second[self._classes : -1], self._second[-1]
            squares = squares - 2 * self._middle() * crossed + self._middle() ** 2 * plain
        variance = np.maximum(squares / self.count - values**2, 0)
        return np.asarray(np.sqrt(variance / max(self.count - 1, 1)))

    def _middle(self) -> Matrix:
        return (self._scores / self.count)[:, None]
