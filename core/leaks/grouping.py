"""Groups of images of one photograph: likely pairs compared, those that match joined, again with what is left; kept on
disk once found."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet

from core.decoding import MAX_BYTES
from core.errors import InputError
from core.files import read_plain
from core.leaks.fingerprint import Fingerprint, read_fingerprints
from core.leaks.matching import compare
from core.leaks.retrieval import Candidates, find_candidates

Tell = Callable[[str], None]

EACH = 10  # partners tried for an image
SPEAKERS = 5  # images that stand for a group once it is found
MOST_ROUNDS = 6
WORTH_IT = 0.005  # share of images joined in a round for another to be tried
MANY = 8  # images: groups of so many are not joined by several weak matches either

GROUPING_FORMAT = 1
"""Part of the key of kept groups: raise it when `find_groups` finds other groups in the same files than before."""


def group_fingerprints(prints: Sequence[Fingerprint], tell: Tell) -> NDArray[np.int64]:
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


def cached_groups(paths: Sequence[Path], cache: Path | None, tell: Tell) -> NDArray[np.int64]:
    """A group number for each image, equal for images of one photograph: 0, 1, 2, ... as groups first appear.

    What cannot be read as an image is a group of its own. With `cache`, a folder, the numbers are kept there under
    a digest of all files' contents, and found again in seconds.
    """
    if cache is None:
        return find_groups(paths, tell)[0]
    kept = cache / f"photographs-{_digest(paths)}.npz"
    groups = _load(kept, len(paths))
    if groups is None:
        groups, skipped = find_groups(paths, tell)
        if skipped:
            tell(f"{len(skipped)} of {len(paths)} files cannot be read and are taken for photographs of their own")
        _save(kept, groups, tell)
    return groups


def find_groups(paths: Sequence[Path], tell: Tell) -> tuple[NDArray[np.int64], dict[int, str]]:
    """A group number for each file, and why files (by their place in the list) could not be read."""
    read = read_fingerprints(paths, tell)
    of_read = group_fingerprints(read.prints, tell)
    raw = np.full(len(paths), -1, np.int64)
    raw[read.places] = of_read
    unread = sorted(read.skipped)
    raw[unread] = len(paths) + np.arange(len(unread))
    _, first, where = np.unique(raw, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[where], read.skipped


def _digest(paths: Sequence[Path]) -> str:
    """Of the contents of all files in their order, the format's number and the libraries that do the work."""
    whole = hashlib.sha256(f"grouping {GROUPING_FORMAT} {cv2.__version__} {np.__version__}\n".encode())
    for path in paths:
        try:
            whole.update(hashlib.sha256(read_plain(path, MAX_BYTES)).digest())
        except (OSError, ValueError):
            whole.update(b"unread")
    return whole.hexdigest()[:32]


def _load(kept: Path, count: int) -> NDArray[np.int64] | None:
    """The groups kept there; None where there are none, or where the file is damaged."""
    try:
        with np.load(kept, allow_pickle=False) as stored:
            groups = stored["groups"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = groups.dtype == np.int64 and groups.shape == (count,) and bool((groups >= 0).all())
    return np.asarray(groups) if fits else None


def _save(kept: Path, groups: NDArray[np.int64], tell: Tell) -> None:
    """Keep the groups, whole or not at all; a disk that refuses costs only the next search."""
    partial: Path | None = None
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            np.savez(file, groups=groups)
        partial.replace(kept)
    except OSError as error:
        tell(f"the groups could not be kept in {kept.parent}: {error.strerror or error}")
        if partial is not None:
            with suppress(OSError):
                partial.unlink()


def photographs_of(
    table: pd.DataFrame, groups: Path | None, cache: Path | None, tell: Callable[[str], None]
) -> NDArray[np.int64]:
    """A photograph's number for each row of `table` (column path): from a `groups.csv`, else found now (and cached)."""
    paths = [Path(path) for path in table["path"]]
    if groups is not None:
        from core.leaks.groups_file import read_groups

        return np.asarray(read_groups(groups, paths), dtype=np.int64)

    return np.asarray(cached_groups(paths, cache, tell), dtype=np.int64)


def shared_with(
    splits: Sequence[str], photographs: NDArray[np.int64], part: str, others: Sequence[str] = ()
) -> NDArray[np.bool_]:
    """For each row of split `part`, in order, whether its photograph stands in one of `others` too (default: in any
    other split). InputError where `others` names a split that there is not, or `part` is the only one.
    """
    names = np.asarray(splits, dtype=object)
    known = sorted(set(splits))
    unknown = [name for name in others if name not in known or name == part]
    if unknown:
        raise InputError(f"No other split {unknown[0]!r} to compare with. The set has: {', '.join(known)}.")
    if known == [part]:
        raise InputError(f"All images are in split {part!r}: there is no other split to share photographs with.")
    elsewhere = np.isin(names, list(others)) if others else names != part
    return np.isin(photographs[names == part], photographs[elsewhere])
