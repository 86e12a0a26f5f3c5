"""Reading tables of labelled images: from a folder of class folders, from a CSV of paths and labels, and boxes around
cells from Pascal VOC annotations; and tables for spreadsheets. What is read may come from anyone."""

from __future__ import annotations

import codecs
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.parsers import expat

import pandas as pd

from core.classes import CLASSES
from core.data.labels import SPLITS, shortened, split_name
from core.decoding.files import is_left_behind, without_masks
from core.decoding.formats import expected_format
from core.errors import InputError
from core.files import read_plain

Row = tuple[str, str, str, str]
SplitOf = Callable[[str], str | None]
Box = tuple[int, int, int, int]

COLUMNS = ("path", "label", "split", "box")
LARGEST_TABLE = 200 * 2**20  # bytes of a CSV
DEEPEST = 3  # folders that an unpacked archive may put around the classes
SEPARATORS = (",", ";", "\t")
LARGEST_ANNOTATION = 2**20  # bytes
FORMULA_STARTS = ("=", "+", "-", "@")


class Reading(NamedTuple):
    """`table` with COLUMNS (box "" or "x0,y0,x1,y1" in px of the upright image), `notes` sentences for the user."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """A table of COLUMNS from rows in that order."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS), dtype=object)


def read_csv_as_text(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table as text, column names in lower case, its fields divided by commas, semicolons or tabs.

    InputError where it cannot be read, lacks one of `columns` or has one twice, or has rows longer than its first line.
    """
    if not is_file(path):
        raise InputError(f"{path} is missing. `python -m core datasets` tells how the data are laid out.")
    try:
        text = table_text(read_plain(path, LARGEST_TABLE))
        separator = separator_of(text, columns)
        table = pd.read_csv(StringIO(text), sep=separator, dtype=str, keep_default_na=False)
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


def table_text(data: bytes, errors: str = "strict") -> str:
    """The text of a table as editors and spreadsheets save it: UTF-8, or UTF-16 behind its mark; ValueError if neither.

    A spreadsheet's first line "sep=;" is left out.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if marked else "utf-8-sig", errors)
    first, _, rest = text.partition("\n")
    return rest if first.strip().casefold() in {f"sep={separator}" for separator in SEPARATORS} else text


def separator_of(text: str, columns: Sequence[str]) -> str:
    """What divides the fields of a table: that of SEPARATORS which finds most of `columns` in its first line."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def found(separator: str) -> int:
        fields = {field.strip().strip('"').strip().casefold() for field in first.split(separator)}
        return sum(column in fields for column in columns)

    return max(SEPARATORS, key=found)  # the comma where none finds more


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


def read_folders(root: Path, split_of: SplitOf = split_name) -> Reading:
    """Read `root/<class>/…` (split "all"), `root/<split>/<class>/…` or `root/<class>/<split>/…`, each split folder told
    by `split_of`; all of it may lie one or two folders deeper, as an unpacked archive does.

    Images lie at any depth below their class folder. Hidden files, what systems leave behind, masks beside their image,
    links back up the tree and files that are no images are left out and counted. InputError for a class folder without
    images, where all classes are called as splits are, and where there is nothing at all.
    """
    seen: Counter[str] = Counter()
    top = _unpacked(root, split_of)
    folders = _subfolders(top, seen)
    splits = {folder: name for folder in folders if (name := split_of(folder.name)) and _subfolders(folder, Counter())}
    places = [(sub, sub.name, name) for folder, name in splits.items() for sub in _subfolders(folder, seen)]
    if not splits:
        places = [place for folder in folders for place in _by_split(folder, split_of)]
    rows: list[Row] = []
    empty: list[Path] = []
    for folder, label, split in places:
        images = _images(folder, seen)
        if not images and _holds_results(folder):
            continue
        rows += [(str(path), label, split, "") for path in images]
        empty += [] if images else [folder]
    _check(root, rows, empty, split_of)
    beside = [folder.name for folder in folders if splits and folder not in splits]
    deeper = (f"The classes were found in {top.relative_to(root)}.",) if top != root else ()
    return Reading(as_table(rows), (*deeper, *_left_out(seen, root), *_empty(empty), *_beside(beside)))


def _unpacked(root: Path, split_of: SplitOf) -> Path:
    """The folder that holds the classes: `root`, or where it holds one folder alone, that one, and so on."""
    top = root
    for _ in range(DEEPEST):
        inside = _subfolders(top, Counter())
        alone = len(inside) == 1 and not any(expected_format(path.suffix) for path in _entries(top))
        if not alone or split_of(inside[0].name) or inside[0].name.strip().casefold() in CLASSES:
            break
        below = _subfolders(inside[0], Counter())
        if len(below) < 1 or any(expected_format(path.suffix) for path in _entries(inside[0])):
            break
        top = inside[0]
    return top


def _by_split(folder: Path, split_of: SplitOf) -> list[tuple[Path, str, str]]:
    """A class folder as one place, or as one for each split where it holds folders of splits and nothing else."""
    inside = _subfolders(folder, Counter())
    splits = {path: split_of(path.name) for path in inside}
    images = any(expected_format(path.suffix) for path in _entries(folder))
    if images or not splits or not all(splits.values()):
        return [(folder, folder.name, "all")]
    return [(path, folder.name, name) for path, name in splits.items() if name]


def _check(root: Path, rows: list[Row], empty: list[Path], split_of: SplitOf) -> None:
    if not rows and not empty:
        raise InputError(
            f"{root} holds no class folders. Wanted is one folder a class with its images in it, "
            "or train, val and test with such folders in each."
        )
    labels = sorted({row[1] for row in rows})
    if rows and all(split_of(label) for label in labels):
        raise InputError(
            f"{root}: where classes are wanted, folders are called {shortened(labels)}, as splits are. Put the images "
            "into one folder a class, right below each split's folder."
        )
    held = {row[1].casefold() for row in rows}
    hollow = [folder for folder in empty if folder.name.casefold() not in held]
    if hollow:
        raise InputError(
            f"The class folder {shortened([str(folder) for folder in hollow])} holds no images, and a class without "
            "images cannot be trained. Put images into it, or remove the folder to go on without the class."
        )


def _holds_results(folder: Path) -> bool:
    """Whether a folder holds what `evaluate --out` writes: it is no class."""
    return any(path.suffix == ".parquet" for path in _entries(folder))


def _subfolders(root: Path, seen: Counter[str]) -> list[Path]:
    found = []
    for path in _entries(root):
        if is_left_behind(path.name):
            _count_left(seen, path.name)
        elif _leads_back(path):
            seen["loops"] += 1
        elif path.is_dir():
            found.append(path)
        else:
            seen["other"] += 1
    return found


def _leads_back(path: Path) -> bool:
    """Whether a link leads to a folder above itself, or in circles."""
    if not path.is_symlink():
        return False
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return True
    return path.parent.resolve().is_relative_to(target)


def _images(folder: Path, seen: Counter[str]) -> list[Path]:
    """All visible images below a class folder, sorted; links to folders inside it are not followed."""
    found = []

    def closed(error: OSError) -> None:
        seen["closed"] += 1

    for parent, names, files in os.walk(folder, onerror=closed):
        for name in (*names, *files):
            _count_left(seen, name)
        seen["loops"] += sum(Path(parent, name).is_symlink() for name in names)
        names[:] = [name for name in names if not is_left_behind(name)]
        for name in files:
            path = Path(parent, name)
            if is_left_behind(name):
                continue
            if expected_format(path.suffix) and path.is_file():
                found.append(path)
            else:
                seen["other"] += 1
    images = without_masks(sorted(found))
    seen["masks"] += len(found) - len(images)
    return images


def _count_left(seen: Counter[str], name: str) -> None:
    if is_left_behind(name):
        seen["hidden" if name.startswith(".") else "left"] += 1


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise InputError(f"{root} cannot be read: {error.strerror}. Change its permissions or copy it.") from error


def _left_out(seen: Counter[str], root: Path) -> tuple[str, ...]:
    words = {"hidden": "hidden", "loops": "links to folders", "other": "no images", "left": "left behind by a system"}
    words |= {"masks": "masks beside their image", "closed": "folders that may not be entered"}
    parts = [f"{seen[key]:,} {text}" for key, text in words.items() if seen[key]]
    return (f"Left out below {root.name}: {', '.join(parts)}.",) if parts else ()


def _empty(empty: list[Path]) -> tuple[str, ...]:
    names = shortened([f"{folder.parent.name}/{folder.name}" for folder in empty])
    return (f"Without images, but the class has some elsewhere: {names}.",) if empty else ()


def _beside(names: list[str]) -> tuple[str, ...]:
    return (f"Not one of the splits, and left out: {shortened(names)}.",) if names else ()


def read_listing(file: Path) -> Reading:
    """Read a CSV with the columns `path` and `label`, and if it likes `split` and `box`.

    Relative paths count from the CSV's folder. A row that stands twice is taken once. InputError for missing files,
    empty labels, unknown splits, boxes that are none, and one picture under two labels.
    """
    table = read_csv_as_text(file, ("path", "label"))
    if table.empty:
        raise InputError(f"{file} has no rows. Wanted is one a picture: path,label.")
    for column, default in (("split", "all"), ("box", "")):
        if column not in table.columns:
            table[column] = default
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    _refuse(file, table[(table["path"] == "") | (table["label"] == "")], "lack a path or a label")
    table["split"] = read_splits(file, table["split"])
    _refuse(file, table[[not is_box(box) for box in table["box"]]], "have a box that is not x0,y0,x1,y1 in pixels")
    table["path"] = [str(_absolute(file.parent, _with_slashes(file.parent, path))) for path in table["path"]]
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


def _with_slashes(folder: Path, path: str) -> str:
    """A path as Windows writes it, with slashes; as it is where there is such a file."""
    return path if "\\" not in path or is_file(folder / path) else path.replace("\\", "/")


def _of_its_folder(path: Path) -> Path:
    """The one path that a file has in its folder, however it was written: links to folders and ".." followed."""
    return path.parent.resolve() / path.name


def read_boxes(file: Path, name: str) -> list[Box]:
    """Boxes `(x0, y0, x1, y1)` in px, x1 and y1 exclusive, of every object called `name` in a VOC annotation.

    InputError where the file is too large, no XML, declares a document type (which entities need), or where a box is
    none.
    """
    try:
        data = read_plain(file, LARGEST_ANNOTATION)
    except OSError as error:
        raise InputError(f"{file.name} cannot be read: {error.strerror}.") from error
    return [_box(item, file) for item in _root(data, file).iter("object") if _called(item, name)]


def _called(item: ElementTree.Element, name: str) -> bool:
    return item.findtext("name", "").strip().casefold() == name.casefold()


def _root(data: bytes, file: Path) -> ElementTree.Element:
    """Parse XML without a document type: no entities to expand, nothing to fetch."""

    def refuse(*_: object) -> None:
        raise InputError(f"{file.name} declares a document type, which no annotation needs: not read.")

    check = expat.ParserCreate()
    check.StartDoctypeDeclHandler = refuse
    try:
        check.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{file.name} is no readable annotation: {str(error)[:100]}.") from error


def _box(item: ElementTree.Element, file: Path) -> Box:
    texts = [item.findtext(f"bndbox/{side}", "").strip() for side in ("xmin", "ymin", "xmax", "ymax")]
    try:
        sides = [float(text) for text in texts]
    except ValueError:
        sides = [math.nan]
    if not all(abs(side) < 1e6 for side in sides):  # no number, none at all, or far off
        raise InputError(f"{file.name} holds a box whose sides are no pixels: {', '.join(map(printable, texts))}.")
    x0, y0 = (max(0, math.floor(side)) for side in sides[:2])  # a box may reach past the border
    x1, y1 = (math.ceil(side) for side in sides[2:])
    if x0 >= x1 or y0 >= y1:
        raise InputError(f"{file.name} holds a box of no area.")
    return x0, y0, x1, y1


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return str(table.map(harmless).rename(columns=harmless).to_csv(index=False))


def harmless(value: object) -> object:
    """Put an apostrophe before a text that starts as a formula does; tabs and line breaks become spaces."""
    if not isinstance(value, str):
        return value
    text = "".join(letter if letter.isprintable() else " " for letter in value)
    return f"'{text}" if text.lstrip().startswith(FORMULA_STARTS) else text
