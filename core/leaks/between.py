"""Copies between two collections, such as audited images and those that a model was trained on: the same bytes, the
same pixels, or the same photograph altered. Pairs inside a collection are not looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core.decoding import MAX_BYTES
from core.files import read_plain
from core.leaks.fingerprint import Fingerprints, read_fingerprints
from core.leaks.matching import compare
from core.leaks.retrieval import find_candidates

EACH = 10  # partners tried for an image

Likeness = Literal["same bytes", "same pixels", "altered copy"]


@dataclass(frozen=True)
class CopyOf:
    """The image at the place `image` of the first collection is a copy of that at `other` of the second."""

    image: int
    other: int
    likeness: Likeness


def copies_between(
    first: Sequence[Path], second: Sequence[Path], tell: Callable[[str], None]
) -> tuple[list[CopyOf], tuple[int, int]]:
    """For each image of `first` that has a copy in `second` the likest one, and how many files of each could not be
    read.
    """
    found = _same_bytes(first, second)
    left = [place for place in range(len(first)) if place not in found]
    ones = read_fingerprints([first[place] for place in left], tell)
    others = read_fingerprints(second, tell) if left else Fingerprints([], [], {})
    for copy in [*_same_pixels(ones, others), *_altered(ones, others)]:  # the likest first
        found.setdefault(left[copy.image], CopyOf(left[copy.image], copy.other, copy.likeness))
    return [found[place] for place in sorted(found)], (len(ones.skipped), len(others.skipped))


def _same_bytes(first: Sequence[Path], second: Sequence[Path]) -> dict[int, CopyOf]:
    seen: dict[str, int] = {}
    for place, path in enumerate(second):
        if digest := _digest(path):
            seen.setdefault(digest, place)
    own = ((place, _digest(path)) for place, path in enumerate(first))
    return {place: CopyOf(place, seen[digest], "same bytes") for place, digest in own if digest in seen}


def _digest(path: Path) -> str:
    """SHA-256 of a file; "" where it cannot be read."""
    try:
        return hashlib.sha256(read_plain(path, MAX_BYTES)).hexdigest()
    except (OSError, ValueError):
        return ""


def _same_pixels(ones: Fingerprints, others: Fingerprints) -> list[CopyOf]:
    seen: dict[bytes, int] = {}
    for place, image in zip(others.places, others.prints, strict=True):
        seen.setdefault(image.pixels, place)
    pairs = zip(ones.places, ones.prints, strict=True)
    return [CopyOf(place, seen[image.pixels], "same pixels") for place, image in pairs if image.pixels in seen]


def _altered(ones: Fingerprints, others: Fingerprints) -> list[CopyOf]:
    """Likely pairs across the two, compared: key points that agree on one place, and the pixels under them."""
    prints = [*ones.prints, *others.prints]
    if not ones.prints or not others.prints:
        return []
    side = np.repeat([0, 1], [len(ones.prints), len(others.prints)])  # pairs of one side need no comparing
    likely = find_candidates(prints, np.arange(len(prints)), side, EACH)
    found: dict[int, CopyOf] = {}
    for one, other, mirrored in zip(
        likely.first.tolist(), likely.second.tolist(), likely.mirrored.tolist(), strict=True
    ):
        if one not in found and compare(prints[one], prints[other], mirrored).same:
            found[one] = CopyOf(ones.places[one], others.places[other - len(ones.prints)], "altered copy")
    return list(found.values())
