"""Groups of images of one photograph: likely pairs compared, those that match joined, again with what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet

from core.leaks.candidates import Candidates, find_candidates
from core.leaks.fingerprint import Fingerprint
from core.leaks.verification import compare

EACH = 10  # partners tried for an image
SPEAKERS = 5  # images that stand for a group once it is found
MOST_ROUNDS = 6
WORTH_IT = 0.005  # share of images joined in a round for another to be tried
MANY = 8  # images: groups of so many are not joined by several weak matches either
Tell = Callable[[str], None]


def group_prints(prints: Sequence[Fingerprint], tell: Tell) -> NDArray[np.int64]:
    """A group number for each image: 0, 1, 2, ... in the order in which groups first appear."""
    groups = DisjointSet(range(len(prints)))
    images = _join_identical(prints, groups)
    for number in range(1, MOST_ROUNDS + 1):
        if len(images) < 2:
            break
        tell(f"round {number}: looking for likely pairs among {len(images)} images")
        found = find_candidates(prints, images, group_numbers(groups)[images], EACH)
        joined = _join_matching(prints, found, groups, tell)
        tell(f"round {number}: {joined} joined, {groups.n_subsets} groups")
        if joined <= WORTH_IT * len(images):
            break
        images = _speakers(groups, images)
    return group_numbers(groups)


def group_numbers(groups: DisjointSet) -> NDArray[np.int64]:
    """A number for the set of each item `(n,)`: 0, 1, 2, ... in the order in which sets first appear."""
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(groups[item], len(numbers)) for item in groups], dtype=np.int64)


def _join_identical(prints: Sequence[Fingerprint], groups: DisjointSet) -> NDArray[np.int64]:
    """Join images with the same pixels; the index of the first of each."""
    seen: dict[bytes, int] = {}
    for index, image in enumerate(prints):
        groups.merge(seen.setdefault(image.pixels, index), index)
    return np.array(sorted(seen.values()), dtype=np.int64)


def _join_matching(prints: Sequence[Fingerprint], found: Candidates, groups: DisjointSet, tell: Tell) -> int:
    """Compare the pairs that are not in one group yet, join those that match; how many were joined."""
    joined, compared = 0, 0
    waiting: dict[tuple[int, int], tuple[int, int]] = {}
    for number, (first, second, mirrored) in enumerate(
        zip(found.first.tolist(), found.second.tolist(), found.mirrored.tolist(), strict=True), start=1
    ):
        if number % 5000 == 0:
            tell(f"pair {number}/{len(found.first)}: {compared} compared, {joined} joined")
        if groups.connected(first, second):
            continue
        compared += 1
        match = compare(prints[first], prints[second], mirrored)
        size = min(groups.subset_size(first), groups.subset_size(second))
        if match.joins(size) or (match.same and size < MANY and _seconded(groups, waiting, first, second)):
            groups.merge(first, second)
            joined += 1
    return joined


def _seconded(groups: DisjointSet, waiting: dict[tuple[int, int], tuple[int, int]], first: int, second: int) -> bool:
    """Whether two other images of the same two groups have matched before."""
    one, other = sorted((groups[first], groups[second]))
    earlier = waiting.setdefault((one, other), (first, second))
    return not {first, second} & set(earlier)


def _speakers(groups: DisjointSet, images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Up to five of each group's images, evenly spaced."""
    labels = group_numbers(groups)[images]
    order = np.argsort(labels, kind="stable")
    chosen: list[NDArray[np.int64]] = []
    for members in np.split(images[order], np.flatnonzero(np.diff(labels[order])) + 1):
        places = np.linspace(0, len(members) - 1, min(len(members), SPEAKERS)).round().astype(int)
        chosen.append(members[places])
    return np.sort(np.concatenate(chosen))
