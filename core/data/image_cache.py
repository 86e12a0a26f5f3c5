"""The framed images of a data set as one array on disk: made once, on all cores and in bounded memory, written whole or
not at all, and mapped when it is found again."""

from __future__ import annotations

import errno
import fcntl
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from torch import Tensor

from core.data.loading import Framed
from core.data.readers import utf8
from core.errors import InputError
from core.files import write_whole

Rows = NDArray[np.uint8]

HEADER_ROOM = 4096  # bytes for header, notes and rounding, on top of the rows
AT_ONCE = 256  # images in memory at once


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


class CacheNotes(BaseModel):
    """What is kept beside the rows.

    `kept` numbers the images that were read, in the order of the rows, `skipped` those that could not be, with the
    reason, `whole` the rows that stand whole because no cell was found.
    """

    model_config = ConfigDict(strict=True)

    rows: int
    kept: list[int]
    skipped: list[tuple[int, str]]
    whole: list[int]

    @model_validator(mode="after")
    def _consistent(self) -> CacheNotes:
        if self.rows != len(self.kept):
            raise ValueError("rows and kept images differ")
        return self


class CachedRows(NamedTuple):
    """Mapped `images` `(N, 3, S, S)` and `reach` `(N, 1, S, S)`, uint8, with their notes."""

    images: Tensor
    reach: Tensor
    notes: CacheNotes


@dataclass
class _Tally:
    """What happens while images are framed."""

    count: int
    most_unreadable: float
    tell: Callable[[str], None]
    kept: list[int] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)

    def take(self, number: int, image: Framed | str) -> bool:
        """Count an image, or why it could not be read; InputError where too many cannot."""
        if isinstance(image, str):
            self.skipped.append((number, image))
            if len(self.skipped) > self.most_unreadable * self.count:
                raise InputError(
                    f"More than {self.most_unreadable:.0%} of {self.count:,} images cannot be read, the last: {image} "
                    "Was the download interrupted? Fetch the images again, or remove those that are damaged."
                )
            return False
        self.whole += [] if image.found else [len(self.kept)]
        self.kept.append(number)
        return True


def cached_rows(
    target: Path,
    count: int,
    side: int,
    draw: Callable[[int], Framed],
    tell: Callable[[str], None],
    most_unreadable: float,
) -> CachedRows:
    """Find the rows at `target`, or make them of `draw(number)` for `count` numbers and keep them there.

    An image for which `draw` raises InputError is skipped; InputError where these are more than `most_unreadable`.
    """
    row = (4, side, side)
    stored = _stored(target, row)
    if stored is None:
        with only_one(target):
            stored = _stored(target, row) or _made(target, row, draw, _Tally(count, most_unreadable, tell))
    array, notes = stored
    rows = torch.from_numpy(array)
    return CachedRows(rows[:, :3], rows[:, 3:], notes)


def _stored(target: Path, row: tuple[int, ...]) -> tuple[NDArray[np.uint8], CacheNotes] | None:
    """What is kept at `target`; None where it is missing or damaged."""
    stored = stored_rows(target, row)
    try:
        return None if stored is None else (stored[0], CacheNotes.model_validate_json(stored[1]))
    except ValidationError:
        return None


def _made(
    target: Path, row: tuple[int, ...], draw: Callable[[int], Framed], tally: _Tally
) -> tuple[NDArray[np.uint8], CacheNotes]:
    tally.tell(f"Decoding and framing {tally.count:,} images.")
    count = store_rows(target, tally.count, row, _parts(row, draw, tally))
    notes = CacheNotes(rows=count, kept=tally.kept, skipped=tally.skipped, whole=tally.whole)
    store_notes(target, notes.model_dump_json())
    stored = _stored(target, row)
    if stored is None:
        raise InputError(f"{target} could not be read back: is the disk of {target.parent} full or damaged?")
    return stored


def _parts(row: tuple[int, ...], draw: Callable[[int], Framed], tally: _Tally) -> Iterator[NDArray[np.uint8]]:
    """Rows of images and reach, some hundred at a time, without those that cannot be read."""

    def attempt(number: int) -> Framed | str:
        try:
            return draw(number)
        except InputError as error:
            return utf8(str(error))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, tally.count, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, tally.count))
            part = np.empty((len(numbers), *row), dtype=np.uint8)
            filled = 0
            for number, image in zip(numbers, pool.map(attempt, numbers), strict=True):
                if tally.take(number, image):
                    assert isinstance(image, Framed)
                    part[filled, :3], part[filled, 3] = image.rgb.transpose(2, 0, 1), image.reach
                    filled += 1
            if tally.count > 2000 and start and start // AT_ONCE % 8 == 0:
                tally.tell(f"{start:,} of {tally.count:,} images framed.")
            yield part[:filled]
