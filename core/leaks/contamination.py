"""Which splits share photographs, and which photographs stand under several labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Leak:
    """A photograph whose images stand in several places: its group, these splits (or labels), the number of images."""

    group: int
    splits: tuple[str, ...]
    count: int


def contamination(groups: Sequence[int], splits: Sequence[str]) -> list[Leak]:
    """The groups that stand in more than one split, in the order of their numbers.

    `splits` names the split of each image, "" for those that are in none: these count for nothing. The same function
    finds photographs under several class labels: give labels in place of splits.
    """
    places: dict[int, list[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            places.setdefault(int(group), []).append(split)
    return [
        Leak(group, tuple(sorted(set(names))), len(names))
        for group, names in sorted(places.items())
        if len(set(names)) > 1
    ]


@dataclass(frozen=True)
class Shared:
    """Two splits, the number of photographs that both hold, and the number of images of these in each."""

    splits: tuple[str, str]
    groups: int
    images: tuple[int, int]


def shared_pairs(groups: Sequence[int], splits: Sequence[str]) -> list[Shared]:
    """Every two splits that share photographs, sorted by name."""
    counts: dict[int, dict[str, int]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            of_group = counts.setdefault(int(group), {})
            of_group[split] = of_group.get(split, 0) + 1
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for of_group in counts.values():
        names = sorted(of_group)
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                found.setdefault((one, other), []).append((of_group[one], of_group[other]))
    return [
        Shared(pair, len(numbers), (sum(one for one, _ in numbers), sum(other for _, other in numbers)))
        for pair, numbers in sorted(found.items())
    ]
