"""A CSV of paths and labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.data.labels import shortened
from core.data.reading import COLUMNS, Reading, read_splits, read_table, require_files
from core.errors import InputError


def read_listing(file: Path) -> Reading:
    """Read a CSV with the columns `path` and `label`, and if it likes `split` and `box`.

    Relative paths count from the CSV's folder. A row that stands twice is taken once. InputError for missing files,
    empty labels, unknown splits, boxes that are none, and one picture under two labels.
    """
    table = read_table(file, ("path", "label"))
    if table.empty:
        raise InputError(f"{file} has no rows. Wanted is one a picture: path,label.")
    for column, default in (("split", "all"), ("box", "")):
        if column not in table.columns:
            table[column] = default
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    _refuse(file, table[(table["path"] == "") | (table["label"] == "")], "lack a path or a label")
    table["split"] = read_splits(file, table["split"])
    _refuse(file, table[[not is_box(box) for box in table["box"]]], "have a box that is not x0,y0,x1,y1 in pixels")
    table["path"] = [str(_absolute(file.parent, path)) for path in table["path"]]
    require_files(list(table["path"]), file.name, "Paths count from the CSV's folder. Correct them or drop the rows.")
    table["path"] = [str(_of_its_folder(Path(path))) for path in table["path"]]
    once = table.drop_duplicates()
    _refuse(file, once[once.duplicated(["path", "box"], keep=False)], "give one picture several labels or splits")
    dropped = len(table) - len(once)
    notes = (f"{dropped:,} rows stand twice in {file.name} and were taken once.",) if dropped else ()
    return Reading(once.reset_index(drop=True), notes)


def is_box(text: str) -> bool:
    """Whether `text` is empty or a box `x0,y0,x1,y1` of whole pixels with x0 < x1 and y0 < y1."""
    if not text:
        return True
    parts = text.split(",")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts):
        return False
    x0, y0, x1, y1 = map(int, parts)
    return x0 < x1 and y0 < y1


def _refuse(file: Path, rows: pd.DataFrame, what: str) -> None:
    if len(rows):
        lines = shortened([f"line {int(number) + 2}" for number in rows.index])
        raise InputError(f"{file.name}: {len(rows):,} rows {what} ({lines}). Correct or remove them.")


def _absolute(folder: Path, path: str) -> Path:
    return (folder / path).absolute()


def _of_its_folder(path: Path) -> Path:
    """The one path that a file has in its folder, however it was written: links to folders and ".." followed."""
    return path.parent.resolve() / path.name
