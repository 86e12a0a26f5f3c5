"""A folder of class folders, or of split folders that hold class folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core.data.labels import shortened, split_name
from core.data.reading import Reading, Row, as_table
from core.decoding.signatures import expected_format
from core.errors import InputError

SplitOf = Callable[[str], str | None]


def read_folders(root: Path, split_of: SplitOf = split_name) -> Reading:
    """Read `root/<class>/…` (split "all") or `root/<split>/<class>/…`, each split folder told by `split_of`.

    Images lie at any depth below their class folder. Hidden files, links back up the tree and files that are no
    images are left out and counted. InputError for a class folder without images, where all classes are called as
    splits are, and where there is nothing at all.
    """
    seen: Counter[str] = Counter()
    folders = _subfolders(root, seen)
    splits = {folder: name for folder in folders if (name := split_of(folder.name)) and _subfolders(folder, Counter())}
    places = [(sub, name) for folder, name in splits.items() for sub in _subfolders(folder, seen)]
    places = places or [(folder, "all") for folder in folders]
    rows: list[Row] = []
    empty: list[Path] = []
    for folder, split in places:
        images = _images(folder, seen)
        if not images and _holds_results(folder):
            continue
        rows += [(str(path), folder.name, split, "") for path in images]
        empty += [] if images else [folder]
    _check(root, rows, empty, split_of)
    beside = [folder.name for folder in folders if splits and folder not in splits]
    return Reading(as_table(rows), (*_left_out(seen, root), *_empty(empty), *_beside(beside)))


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
        if path.name.startswith("."):
            seen["hidden"] += 1
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
    for parent, names, files in os.walk(folder):
        seen["hidden"] += sum(name.startswith(".") for name in (*names, *files))
        seen["loops"] += sum(Path(parent, name).is_symlink() for name in names)
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            if expected_format(path.suffix) and path.is_file():
                found.append(path)
            else:
                seen["other"] += 1
    return sorted(found)


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise InputError(f"{root} cannot be read: {error.strerror}. Change its permissions or copy it.") from error


def _left_out(seen: Counter[str], root: Path) -> tuple[str, ...]:
    words = {"hidden": "hidden", "loops": "links to folders", "other": "no images"}
    parts = [f"{seen[key]:,} {text}" for key, text in words.items() if seen[key]]
    return (f"Left out below {root.name}: {', '.join(parts)}.",) if parts else ()


def _empty(empty: list[Path]) -> tuple[str, ...]:
    names = shortened([f"{folder.parent.name}/{folder.name}" for folder in empty])
    return (f"Without images, but the class has some elsewhere: {names}.",) if empty else ()


def _beside(names: list[str]) -> tuple[str, ...]:
    return (f"Not one of the splits, and left out: {shortened(names)}.",) if names else ()
