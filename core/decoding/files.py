"""Images on disk: reading one, and finding those that a folder holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.decoding.decode import DecodedImage, decode
from core.decoding.formats import MAX_BYTES, SUFFIXES, check_bytes, expected_format
from core.errors import InputError


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

    Folders are taken in the order given and their files in sorted order, hidden files and folders left out.
    Links to folders inside them are not followed. Raises `InputError` where a path is missing or cannot be read,
    or where no image is found at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        found.update(dict.fromkeys(sorted(_walk(path)) if is_folder else [path]))
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
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and expected_format(path.suffix) and path.is_file():
                yield path


def _unreadable(path: Path, error: Exception) -> InputError:
    """Say why `path` cannot be read, and what to do about it."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"{path} does not exist. Check the path.")
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read: permission denied. Change its permissions or copy it elsewhere.")
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"{path} cannot be read: {reason}. Check the path.")
