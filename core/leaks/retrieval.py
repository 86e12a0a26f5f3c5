"""Pairs of images that may show the same photograph, the likeliest first: votes of similar descriptors, which are made
short and sorted into words so that only those of one word are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.leaks.fingerprint import Fingerprint, as_mirrored, rooted

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]

DIMENSIONS = 32
SAMPLE = 60_000
ROUNDS = 4
WORD_SIZE, MOST_WORDS = 256, 4096
BLOCK = 8192
NEIGHBOURS = 8  # votes a descriptor has
ALIKE = 0.6  # least cosine of two short descriptors for a vote
ROWS = 2048


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


@dataclass(frozen=True)
class Candidates:
    """Pairs of indices with first < second; `mirrored` where one resembles the mirror image of the other."""

    first: Indices
    second: Indices
    mirrored: NDArray[np.bool_]


@dataclass(frozen=True)
class _Descriptors:
    """Short vectors, their words, and the rank of the image (in the list asked about) that each belongs to."""

    vectors: Vectors
    words: Indices
    image: Indices


def find_candidates(prints: Sequence[Fingerprint], images: Indices, known: Indices, each: int) -> Candidates:
    """The `each` likeliest partners of each of `images`, indices into `prints`.

    Two images with the same number in `known` (one for each of `images`) need no comparing and give no vote.
    """
    described = np.concatenate([prints[i].descriptors for i in images])
    image = np.repeat(np.arange(len(images)), [len(prints[i].descriptors) for i in images])
    if len(np.unique(image)) < 2:
        return Candidates(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))
    vocabulary = Vocabulary(described)
    stored = vocabulary.short(described)
    plain = _Descriptors(stored, vocabulary.words(stored), image)
    turned = vocabulary.short(as_mirrored(described))
    mirrored = _Descriptors(turned, vocabulary.words(turned), image)
    keys, votes = _counted([_votes(asked, plain, known, vocabulary.size) for asked in (plain, mirrored)], len(images))
    first, second = keys // 2 // len(images), keys // 2 % len(images)
    kept = _best_of_each(first, second, votes, len(images), each)
    kept = kept[np.argsort(-votes[kept], kind="stable")]
    return Candidates(images[first[kept]], images[second[kept]], keys[kept] % 2 == 1)


def _counted(both: list[tuple[Indices, Indices, Vectors]], count: int) -> tuple[Indices, NDArray[np.float64]]:
    """The sum of votes of each pair, under the key (smaller * count + larger) * 2 + mirrored."""
    keys, weights = [], []
    for mirrored, (one, other, weight) in enumerate(both):
        keys.append((np.minimum(one, other) * count + np.maximum(one, other)) * 2 + mirrored)
        weights.append(weight)
    found, where = np.unique(np.concatenate(keys), return_inverse=True)
    counted = np.bincount(where, np.concatenate(weights), minlength=len(found))
    return np.asarray(found, dtype=np.int64), np.asarray(counted, dtype=np.float64)


def _best_of_each(first: Indices, second: Indices, votes: NDArray[np.float64], count: int, each: int) -> Indices:
    """Indices of the pairs that are among the `each` with most votes of one of their two images."""
    image, entry = np.concatenate([first, second]), np.tile(np.arange(len(first)), 2)
    order = np.lexsort((-votes[entry], image))
    image, entry = image[order], entry[order]
    rank = np.arange(len(image)) - np.searchsorted(image, np.arange(count))[image]
    return np.unique(entry[rank < each])


def _votes(asked: _Descriptors, stored: _Descriptors, known: Indices, size: int) -> tuple[Indices, Indices, Vectors]:
    """Images (asking, answering) and weight of each vote: squared affinity above the least."""
    ones, others, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for asking, here in _in_word(asked.words, stored.words, size):
        affinity = asked.vectors[asking] @ stored.vectors[here].T
        affinity[known[asked.image[asking]][:, None] == known[stored.image[here]][None]] = -1
        if len(here) > NEIGHBOURS:
            least = np.partition(affinity, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
            row, column = np.nonzero((affinity >= least) & (affinity > ALIKE))
        else:
            row, column = np.nonzero(affinity > ALIKE)
        ones.append(asked.image[asking[row]])
        others.append(stored.image[here[column]])
        weights.append((affinity[row, column] - ALIKE) ** 2)
    return np.concatenate(ones), np.concatenate(others), np.concatenate(weights)


def _in_word(asked: Indices, stored: Indices, size: int) -> Iterator[tuple[Indices, Indices]]:
    """For each word, the indices asked with it, a block at a time, and those stored under it."""
    by_asked, by_stored = np.argsort(asked, kind="stable"), np.argsort(stored, kind="stable")
    edges = np.arange(size + 1)
    asked_at, stored_at = np.searchsorted(asked[by_asked], edges), np.searchsorted(stored[by_stored], edges)
    for word in range(size):
        here = by_stored[stored_at[word] : stored_at[word + 1]]
        if len(here):
            for at in range(asked_at[word], asked_at[word + 1], ROWS):
                yield by_asked[at : min(at + ROWS, asked_at[word + 1])], here
