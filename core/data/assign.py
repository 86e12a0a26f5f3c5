"""Dealing images, or whole groups of them, to sides or folds so that each class keeps its share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
ROUNDS = 20  # of improvement by moving single groups


def assign_images(labels: Integers, shares: Sequence[float], random: Generator) -> Integers:
    """Side of each image: of every class, the whole number below `shares[s]` times its count goes to side s + 1.

    At least one image where a class has three or more and the share is above 0; the rest stays on side 0. Islam et al.
    2024's 8,714 / 1,865 / 1,865 of 12,444 are these counts for shares of 0.15.
    """
    sides = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        start = 0
        for side, share in enumerate(shares, start=1):
            count = math.floor(share * len(rows) + 1e-9)
            if share > 0 and len(rows) >= 3:
                count = max(1, count)
            sides[rows[start : start + count]] = side
            start += count
    return sides


def fold_images(labels: Integers, folds: int, random: Generator) -> Integers:
    """Fold of each image: the counts of each class differ by at most one between folds, and so do the folds' sizes."""
    order = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    dealt = np.empty(len(labels), dtype=np.int64)
    dealt[order] = np.arange(len(labels)) % folds
    return random.permutation(folds)[dealt]


def fold_groups(labels: Integers, groups: Integers, folds: int, random: Generator) -> Integers:
    """Fold of each image, all images of one group in one fold."""
    return assign_groups(labels, groups, [1 / folds] * folds, random)


def assign_groups(labels: Integers, groups: Integers, shares: Sequence[float], random: Generator) -> Integers:
    """Side of each image, all images of one group on one side, each class near `shares` of its count.

    `groups` are numbers from 0 without gaps. The measure of fit is chi-squared of the counts by side and class
    against the wanted ones: groups are placed from the largest to the smallest (equals in random order) where they
    lower it most, then single groups are moved as long as that lowers it.
    """
    counts = _table(labels, groups)  # (G, C)
    wanted = np.outer(shares, counts.sum(axis=0))  # (S, C)
    open_sides = np.flatnonzero(np.asarray(shares) > 0)
    weights = 1 / np.where(wanted > 0, wanted, 1) / np.maximum(counts.sum(axis=0), 1)
    shuffled = random.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    sides = np.full(len(counts), -1, dtype=np.int64)
    filled = np.zeros_like(wanted)
    for group in order:
        _place(group, counts[group], sides, filled, wanted, weights, open_sides)
    for _ in range(ROUNDS):
        before = sides.copy()
        for group in order:
            filled[sides[group]] -= counts[group]
            _place(group, counts[group], sides, filled, wanted, weights, open_sides)
        if (before == sides).all():
            break
    return sides[groups]


def _place(
    group: int,
    count: Floats,
    sides: Integers,
    filled: Floats,
    wanted: Floats,
    weights: Floats,
    open_sides: Integers,
) -> None:
    """Put a group where it lowers the measure most; it stays where it was unless another side is truly better."""
    change = (count * (count - 2 * (wanted - filled)) * weights).sum(axis=1)[open_sides]  # (S,)
    best = open_sides[int(change.argmin())]
    held = np.flatnonzero(open_sides == sides[group])
    if held.size and change[held[0]] <= change.min() + 1e-12:
        best = sides[group]
    sides[group] = best
    filled[best] += count


def _table(labels: Integers, groups: Integers) -> Floats:
    """Images of each class in each group: `(G, C) float64`."""
    classes, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((int(groups.max()) + 1, len(classes)))
    np.add.at(table, (groups, columns), 1)
    return table
