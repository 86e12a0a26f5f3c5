"""An array on disk, written row by row with little memory and read back without loading it."""

from __future__ import annotations

import errno
import fcntl
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from core.errors import InputError
from core.plain_files import write_whole

HEADER_ROOM = 4096  # bytes for header, notes and rounding, on top of the rows
Rows = NDArray[np.uint8]


def stored_rows(target: Path, row: tuple[int, ...]) -> tuple[Rows, bytes] | None:
    """Map the rows kept at `target` (pages shared between processes, copied when written to), and their notes.

    None where there are none, or where the file is cut short or of another kind: such a one is made anew.
    """
    try:
        notes = _notes(target).read_bytes()
        rows = np.load(target, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = isinstance(rows, np.ndarray) and rows.dtype == np.uint8 and rows.shape[1:] == row
    return (rows, notes) if fits else None


def store_rows(target: Path, most: int, row: tuple[int, ...], parts: Iterable[Rows]) -> int:
    """Write at most `most` rows of shape `row`, in `parts`, to `target` at once or not at all; returns their number.

    InputError says how much room is needed where the disk has too little or fills up.
    """
    needed = most * int(np.prod(row)) + HEADER_ROOM
    partial = target.with_suffix(f".{os.getpid()}.partial")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if free < needed:
            raise OSError(errno.ENOSPC, f"{free / 1e6:,.0f} MB are free")
        with partial.open("wb") as file:
            _write_header(file, most, row)
            for part in parts:
                file.write(np.ascontiguousarray(part).data)  # ndarray.tofile would not say that the disk is full
                count += len(part)
            file.flush()
            file.seek(0)
            _write_header(file, count, row)
        partial.replace(target)
    except OSError as error:
        raise _no_room(target.parent, needed, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return count


def store_notes(target: Path, notes: str) -> None:
    """Keep what `stored_rows` is to return with the rows."""
    try:
        write_whole(_notes(target), notes.encode())
    except OSError as error:
        raise _no_room(target.parent, HEADER_ROOM, error) from error


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`; the others wait and then find it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_suffix(".lock").open("wb")
    except OSError as error:
        raise _no_room(target.parent, HEADER_ROOM, error) from error
    with lock:
        with suppress(OSError):  # a file system without locks: each makes its own, the last one stays
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in target.parent.glob(f"{target.stem}.*.partial"):  # of killed processes: nobody else writes now
                left.unlink(missing_ok=True)
        yield


def _notes(target: Path) -> Path:
    return target.with_suffix(".json")


def _write_header(file: Any, count: int, row: tuple[int, ...]) -> None:
    """NumPy leaves room in the header for the first axis to grow, so that a later count fits in the same bytes."""
    write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (count, *row)})


def _no_room(folder: Path, needed: int, error: OSError) -> InputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        room = f"{math.ceil(needed / 1e6):,} MB there ({error.strerror})"
        return InputError(
            f"The disk of {folder} is full: the framed copies need {room}. "
            "Free some, or name another folder with --cache, and start again."
        )
    return InputError(f"Cannot write to {folder}: {error.strerror or error}. Name another folder with --cache.")
