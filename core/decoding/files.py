"""Images on disk: reading one, and finding those that a folder holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.decoding.decode import DecodedImage, decode
from core.decoding.formats import MAX_BYTES, SUFFIXES, check_bytes, expected_format
from core.errors import InputError

LEFT_BEHIND = {
    "__macosx",
    "system volume information",
    "$recycle.bin",
    "recycler",
    "lost+found",
    "@eadir",
    "#recycle",
    "#snapshot",
    "thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
}
"""Names, in lower case, of what macOS, Windows, Linux disks and network stores leave beside one's own files."""

MASK_LEVELS = 4  # colours that a mask has at most


def read_image(path: Path) -> DecodedImage:
    """Decode the file at `path`, whose size is checked before it is read.

    Raises `InputError` where there is no such file, where it is a folder, cannot be read, or cannot be decoded.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder, not an image. Name a file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file. Name an image file.")
        check_bytes(status.st_size, path.name)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return decode(data, path.name)


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The image files that `paths` stand for, each once: files as given, folders walked for `SUFFIXES`.

    Folders are taken in the order given and their files in sorted order; hidden files, what systems leave behind and
    masks beside their image are left out. Links to folders inside them are not followed. Raises `InputError` where a
    path is missing or cannot be read, or where no image is found at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        found.update(dict.fromkeys(without_masks(sorted(_walk(path))) if is_folder else [path]))
    if not found:
        where = ", ".join(str(path) for path in paths) or "an empty list of paths"
        endings = " ".join(ending for endings in SUFFIXES.values() for ending in endings)
        raise InputError(f"No image found in {where}. Looked for files ending in {endings}.")
    return list(found)


def _walk(folder: Path) -> Iterator[Path]:
    """Every visible file below `folder` whose name ends as an image's does."""

    def report(error: OSError) -> None:
        raise _unreadable(Path(error.filename or folder), error) from error

    for parent, folders, names in os.walk(folder, onerror=report):
        folders[:] = [name for name in folders if not is_left_behind(name)]
        for name in names:
            path = Path(parent, name)
            if not is_left_behind(name) and expected_format(path.suffix) and path.is_file():
                yield path


def is_left_behind(name: str) -> bool:
    """Whether a file or folder is hidden, or one of those that systems, disks and network stores leave everywhere."""
    return name.startswith((".", "~$")) or name.casefold() in LEFT_BEHIND


def without_masks(paths: Sequence[Path]) -> list[Path]:
    """`paths` without masks: pictures of a few levels that lie beside an image of the same name with another ending."""
    by_stem: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        by_stem.setdefault((path.parent, path.stem), []).append(path)
    masks = set()
    for beside in by_stem.values():
        if len(beside) > 1:
            found = [path for path in beside if _is_mask(path)]
            masks.update(found if len(found) < len(beside) else [])
    return [path for path in paths if path not in masks]


def _is_mask(path: Path) -> bool:
    try:
        rgb = read_image(path).rgb
    except InputError:
        return False
    step = max(1, rgb.shape[0] * rgb.shape[1] // 50_000)
    return len(np.unique(rgb.reshape(-1, 3)[::step], axis=0)) <= MASK_LEVELS


def _unreadable(path: Path, error: Exception) -> InputError:
    """Say why `path` cannot be read, and what to do about it."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path} does not exist. Check the path.")
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read: permission denied. Change its permissions or copy it elsewhere.")
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{path} cannot be read: {reason}. Check the path.")
