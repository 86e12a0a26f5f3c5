"""The photograph of each of many images, kept on disk once found."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.leaks.grouping import group_prints
from core.leaks.reading import read_prints

GROUPING_FORMAT = 1
"""Part of the key of kept groups: raise it when `find_groups` finds other groups in the same files than before."""
Tell = Callable[[str], None]


def photographs(paths: Sequence[Path], cache: Path | None, tell: Tell) -> NDArray[np.int64]:
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
    read = read_prints(paths, tell)
    of_read = group_prints(read.prints, tell)
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
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
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
