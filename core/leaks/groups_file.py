"""`groups.csv`: the photograph of each image, as `python -m core leaks --out` writes it and splits take it."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.readers import separator_of, table_text
from core.decoding import read_image
from core.errors import InputError
from core.files import read_plain

COLUMNS = ("path", "group", "dir")
MOST_BYTES = 500_000_000


def write_groups(out: Path, rows: Iterable[tuple[str, int, str]]) -> None:
    """Write rows of (path relative to its DIR with forward slashes, group, DIR as given), whole or not at all.

    UTF-8; bytes of a file name that are none are kept as they are. InputError where the disk refuses.
    """
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            table = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
            table.writerow(COLUMNS)
            table.writerows(rows)
        partial.replace(out)
    except (OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write {out}: {reason}. Choose another --out.") from error


def check_out(out: Path) -> None:
    """Raise InputError where `out` could not be written once the work is done."""
    if out.is_dir():
        raise InputError(f"Cannot write {out}: it is a folder. Name a file with --out.")
    write = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        write.touch()
        write.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write {out}: {reason}. Choose another --out.") from error
    if out.exists() and not os.access(out, os.W_OK):
        raise InputError(f"Cannot write {out}: permission denied. Choose another --out.")


def read_groups(table: Path, paths: Sequence[Path]) -> NDArray[np.int64]:
    """The group number of each of `paths`, from a groups.csv.

    Rows are found by their DIR, taken as written or from where the file lies; where the data have moved, by what DIR
    and path have in common with the image's end, as long as that fits one row that is no other image's. InputError
    where the file is damaged or an image has no row; a file that cannot be read needs none and is a group of its own.
    """
    rows = _rows(table)
    exact = {_plain(Path(home, end)): row for row, (end, _, given) in enumerate(rows) for home in _homes(table, given)}
    found = {path: exact.get(_plain(path), exact.get(str(path.parent.resolve() / path.name))) for path in paths}
    taken = {row for row in found.values() if row is not None}
    ends = _Ends(rows)
    groups = {path: rows[row][1] for path, row in found.items() if row is not None}
    unused = max((group for _, group, _ in rows), default=0) + 1
    for path in found:
        if path in groups:
            continue
        row = ends.row(path, taken)
        if row is not None:
            taken.add(row)
        elif not _is_damaged(path):
            raise InputError(
                f"{table.name} has no row for {path}. Make it anew with: python -m core leaks DIR --out {table.name}"
            )
        groups[path] = unused + len(groups) if row is None else rows[row][1]
    return np.array([groups[path] for path in paths], np.int64)


def _is_damaged(path: Path) -> bool:
    """Whether there is a file that cannot be read as an image: `leaks` writes no rows of those."""
    try:
        read_image(path)
    except InputError:
        return path.is_file()
    return False


def _homes(table: Path, dir_: str) -> list[str]:
    """Where a DIR may lie: from here, from the table's folder, links resolved."""
    there = [_plain(Path(dir_)), _plain(table.parent / dir_)]
    return [*there, *(str(Path(place).resolve()) for place in there)]


def _plain(path: Path) -> str:
    """Absolute, without "." and "..", links left as they are."""
    return os.path.normpath(path.absolute())


class _Ends:
    """Rows by their path alone, whatever their DIR."""

    def __init__(self, rows: Sequence[tuple[str, int, str]]) -> None:
        self._rows: dict[str, list[int]] = {}
        for row, (end, _, _) in enumerate(rows):
            self._rows.setdefault(end, []).append(row)
        self._group = [group for _, group, _ in rows]
        self._longest = max((end.count("/") for end in self._rows), default=0)

    def row(self, path: Path, taken: Collection[int]) -> int | None:
        """A row of the longest end of `path` that the table knows, where it is one group's alone.

        None where all such rows are `taken`: they are those of other images, such as another split's of the same name.
        """
        for parts in range(min(self._longest + 1, len(path.parts) - 1), 0, -1):
            known = self._rows.get("/".join(path.parts[-parts:]))
            if known is not None:
                free = [row for row in known if row not in taken]
                return free[0] if free and len({self._group[row] for row in known}) == 1 else None
        return None


def _rows(table: Path) -> list[tuple[str, int, str]]:
    try:
        text = table_text(read_plain(table, MOST_BYTES), "surrogateescape")
        reader = csv.DictReader(StringIO(text, newline=""), delimiter=separator_of(text, COLUMNS), strict=True)
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        if not set(COLUMNS) <= set(reader.fieldnames):
            raise InputError(f"{table} is no groups.csv: it needs the columns {', '.join(COLUMNS)}.")
        return [_row(table, number, row) for number, row in enumerate(reader, start=2)]
    except (OSError, ValueError) as error:
        raise InputError(f"{table} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    except csv.Error as error:
        raise InputError(f"{table} is a damaged CSV: {error}.") from error


def _row(table: Path, number: int, row: dict[str, str]) -> tuple[str, int, str]:
    path, group, dir_ = (row.get(name) for name in COLUMNS)
    if not path or dir_ is None or group is None or not group.strip().isascii() or not group.strip().isdigit():
        raise InputError(f"{table}, row {number}: needs a path, a group that is a whole number, and a dir.")
    if len(group.strip()) > 18 or "\0" in path or "\0" in dir_:
        raise InputError(f"{table}, row {number}: the path or the group is none.")
    return path, int(group), dir_
