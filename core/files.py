"""Small files that are read while others write them: read within bounds, written as a whole."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def read_plain(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most `most` bytes; OSError for anything else.

    A pipe or a device, whose reading might never end, is no plain file, also behind a link.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        if facts.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most / 1e6:.0f} MB", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, most: int) -> bytes | None:
    """The bytes of a plain file of at most `most` bytes; None for anything else (a pipe would never end)."""
    data, all_of_it = _read(path, most, from_end=False)
    return data if all_of_it else None


def read_end(path: Path, most: int) -> tuple[bytes, bool]:
    """The last `most` bytes of a plain file, and whether that is all of it; nothing for a link or anything else."""
    data, all_of_it = _read(path, most, from_end=True)
    return data or b"", all_of_it


def _read(path: Path, most: int, from_end: bool) -> tuple[bytes | None, bool]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if from_end else 0))
    except (OSError, ValueError):
        return None, False
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return None, False
        start = max(0, facts.st_size - most) if from_end else 0
        data = os.pread(descriptor, min(facts.st_size, most), start)
        return data, facts.st_size <= most
    except OSError:
        return None, False
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the former one or the new one, never a part; OSError as it comes."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def remove_partials(folder: Path) -> None:
    """Remove what killed processes left half written in `folder`: files and folders that end in `.partial`.

    One whose name tells a process that still runs is left to it. Raises nothing.
    """
    try:
        left = [path for path in folder.iterdir() if path.name.endswith(".partial")]
    except OSError:
        return
    for path in left:
        number = path.name.removesuffix(".partial").rpartition(".")[2]
        if number.isdigit() and int(number) != os.getpid() and _runs(int(number)):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process; no process has such a number
        return process < 2**22
    return True
