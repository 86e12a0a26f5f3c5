"""The images of several folders, each once, with the split and the class that their place tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.decoding import find_images
from core.errors import InputError

_SPLIT = re.compile(
    r"(train|training|val|valid|validation|test|testing|dev|development|eval|evaluation|hold-?out|fold|report)"
    r"([ _.-].*|\d*|[A-Z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """One image: the file, the DIR it was found under as given, its path there with forward slashes.

    `split` and `label` are "" where nothing tells them.
    """

    file: Path
    dir: str
    path: str
    split: str
    label: str


def find_places(dirs: Sequence[str]) -> tuple[list[Place], list[str]]:
    """Every image of the folders, and sentences on those that were reached twice.

    An image belongs to the first DIR that holds it, however often its folder is named, linked to or held by another.
    InputError where a DIR is missing, is no folder or holds no image.
    """
    if not dirs:
        raise InputError("Name one folder of images at least.")
    seen: set[str] = set()
    found: list[tuple[Path, str, str]] = []
    notes: list[str] = []
    for given in dirs:
        folder = _folder(given)
        again = 0
        for file in find_images([folder]):
            key = str(file.parent.resolve() / file.name)
            if key in seen:
                again += 1
                continue
            seen.add(key)
            found.append((file, given, file.relative_to(folder).as_posix()))
        if again:
            notes.append(f"{shown(given)}: {again} images lie in an earlier DIR too and are counted once.")
    return _with_splits(found), notes


def _folder(given: str) -> Path:
    try:
        folder = Path(given)
        if folder.is_dir():
            return folder
        there = folder.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(given)} is no path that can be read: {error}.") from error
    if there:
        raise InputError(f"{shown(given)} is a file. Name a folder of images.")
    raise InputError(f"{shown(given)} does not exist. Check the path.")


def _with_splits(found: list[tuple[Path, str, str]]) -> list[Place]:
    """Places with split and label: what a known set's table says, else the names of folders and DIRs."""
    published = {given: _published(Path(given)) for given in {given for _, given, _ in found}}
    several = len(published) > 1
    places: list[Place] = []
    for file, given, path in found:
        told = published[given].get(str(file.absolute()))
        split, label = told if told else (split_of(path), label_of(path))
        if several:
            split = f"{given}: {split}" if split else given
        places.append(Place(file, given, path, split, label))
    return places


def split_of(path: str) -> str:
    """The outermost folder of a path whose name is a split's (TRAIN, test, val, fold2, ...), or ""."""
    return next((part for part in PurePosixPath(path).parts[:-1] if _SPLIT.fullmatch(part)), "")


def label_of(path: str) -> str:
    """The class that an image's own folder names, or "" where that is a split or the DIR itself."""
    folder = PurePosixPath(path).parent.name
    return "" if folder.lower() in ("", "images", "image", "img") or _SPLIT.fullmatch(folder) else folder


def _published(folder: Path) -> dict[str, tuple[str, str]]:
    """Split and label of each image by absolute path, where the folder is a known set's that has a table of them."""
    from core.data.datasets import read_data
    from core.data.known_readers import recognised

    kind = recognised(folder)
    if kind is None:
        return {}
    try:
        table = read_data(folder, kind).table
    except InputError:
        return {}
    splits = {} if table["split"].nunique() < 2 else dict(zip(table["path"], table["split"], strict=True))
    return {
        str(Path(path).absolute()): (splits.get(path, ""), label)
        for path, label in zip(table["path"], table["label"], strict=True)
    }


def shown(text: str) -> str:
    """Text for a terminal: a question mark for what is not printable."""
    return "".join(character if character.isprintable() else "?" for character in text)
