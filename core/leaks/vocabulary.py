"""Descriptors made short, and sorted into words so that only those of one word need comparing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.leaks.descriptors import as_mirrored, rooted

DIMENSIONS = 32
SAMPLE = 60_000
ROUNDS = 4
WORD_SIZE, MOST_WORDS = 256, 4096
BLOCK = 8192
Vectors = NDArray[np.float32]


class Vocabulary:
    """Principal axes and spherical k-means of a sample of `(K, 128) uint8` descriptors, from a fixed seed."""

    def __init__(self, described: NDArray[np.uint8]) -> None:
        random = np.random.default_rng(0)
        chosen = described[np.sort(random.permutation(len(described))[:SAMPLE])]
        sample = np.concatenate([rooted(chosen), rooted(as_mirrored(chosen))])
        self._mean = sample.mean(axis=0)
        _, axes = np.linalg.eigh(np.cov((sample - self._mean).T))
        self._axes = np.ascontiguousarray(axes[:, ::-1][:, :DIMENSIONS], dtype=np.float32)
        short = _units((sample - self._mean) @ self._axes)
        count = int(np.clip(len(described) // WORD_SIZE, 1, MOST_WORDS))
        self._centres = short[random.permutation(len(short))[:count]]
        for _ in range(ROUNDS):
            self._settle(short)

    def _settle(self, short: Vectors) -> None:
        """One round of k-means; a word without vectors stays where it is."""
        words = self.words(short)
        order = np.argsort(words, kind="stable")
        present, starts = np.unique(words[order], return_index=True)
        self._centres[present] = _units(np.add.reduceat(short[order], starts))

    @property
    def size(self) -> int:
        """The number of words."""
        return len(self._centres)

    def short(self, described: NDArray[np.uint8]) -> Vectors:
        """`(K, 32)` unit vectors of `(K, 128)` descriptors."""
        vectors = np.empty((len(described), DIMENSIONS), np.float32)
        for at in range(0, len(described), BLOCK):
            vectors[at : at + BLOCK] = _units((rooted(described[at : at + BLOCK]) - self._mean) @ self._axes)
        return vectors

    def words(self, short: Vectors) -> NDArray[np.int64]:
        """The nearest word of each vector."""
        words = np.empty(len(short), np.int64)
        for at in range(0, len(short), BLOCK):
            words[at : at + BLOCK] = (short[at : at + BLOCK] @ self._centres.T).argmax(axis=1)
        return words


def _units(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6), dtype=np.float32)
