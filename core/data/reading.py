"""What a reader of labelled images found: their table and what the user should know about it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from core.data.labels import SPLITS, shortened, split_name
from core.errors import InputError

COLUMNS = ("path", "label", "split", "box")
LARGEST_TABLE = 200 * 2**20  # bytes of a CSV
Row = tuple[str, str, str, str]


class Reading(NamedTuple):
    """`table` with COLUMNS (box "" or "x0,y0,x1,y1" in px of the upright image), `notes` sentences for the user."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """A table of COLUMNS from rows in that order."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=object)


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV as text, column names in lower case.

    InputError where it cannot be read, lacks one of `columns` or has one twice, or has rows longer than its first line.
    """
    if not is_file(path):
        raise InputError(f"{path} is missing. `python -m core datasets` tells how the data are laid out.")
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise InputError(f"{path} is larger than {LARGEST_TABLE // 2**20} MB: no table of images.")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as error:  # bad encoding and empty files are ValueErrors
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be read as a CSV: {reason}. Save it as UTF-8 with commas.") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first fields for names of the rows
        raise InputError(
            f"{path}: its rows have more fields than its first line names. Put texts that hold commas, such as a box, "
            "into double quotes, and drop commas at the end of lines."
        )
    table.columns = pd.Index([str(column).strip().lower() for column in table.columns])
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(f"{path} lacks the column {absent[0]!r}; it has {shortened(list(table.columns), 12)}.")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(f"{path} has the column {str(twice[0])!r} twice: upper and lower case make no difference.")
    return table


def read_splits(file: Path, column: pd.Series) -> list[str]:
    """The splits that a column of `file` means; InputError for a text that means none."""
    names = {text: split_name(text) for text in column.unique()}
    unknown = [text for text, name in names.items() if name is None]
    if unknown:
        shown = shortened([repr(printable(text)) for text in unknown])
        raise InputError(f"{file.name}: no split is called {shown}. Known: {', '.join(SPLITS)}.")
    return [str(names[text]) for text in column]


def require_files(paths: Sequence[str], title: str, advice: str) -> None:
    """InputError that counts the `paths` which are no files and names the first three."""
    missing = [path for path in dict.fromkeys(paths) if not is_file(Path(path))]
    if missing:
        shown = shortened([printable(path) for path in missing])
        raise InputError(f"{title}: {len(missing):,} of {len(paths):,} images are missing: {shown}. {advice}")


def is_file(path: Path) -> bool:
    """Whether `path` is a file that can be looked at; False for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder that can be looked at; False for names that no folder can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def own_folder(path: Path) -> Path:
    """The absolute path of a folder without "." and "..", with a name and a parent; links stay as they are."""
    return Path(os.path.normpath(path.absolute()))


def utf8(text: str) -> str:
    """`text` with a question mark for what is no UTF-8, which a file's name may hold, but no table, log or terminal."""
    return text.encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """`text` without control characters, its middle left out where it is long."""
    shown = "".join(character for character in text if character.isprintable())
    return shown if len(shown) <= 120 else f"{shown[:60]}…{shown[-50:]}"
