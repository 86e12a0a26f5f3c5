"""What a search for leaks found, as JSON has it and in sentences: which splits share photographs, which photographs
stand under several labels, and the split and class that an image's place in a folder tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from core.decoding import find_images
from core.errors import InputError
from core.leaks import fingerprint, grouping, matching, retrieval

_SPLIT = re.compile(
    r"(train|training|val|valid|validation|test|testing|dev|development|eval|evaluation|hold-?out|fold|report)"
    r"([ _.-].*|\d*|[A-Z])",
    re.IGNORECASE,
)

LISTED = 10


@dataclass(frozen=True)
class Leak:
    """A photograph whose images stand in several places: its group, these splits (or labels), the number of images."""

    group: int
    splits: tuple[str, ...]
    count: int


def contamination(groups: Sequence[int], splits: Sequence[str]) -> list[Leak]:
    """The groups that stand in more than one split, in the order of their numbers.

    `splits` names the split of each image, "" for those that are in none: these count for nothing. The same function
    finds photographs under several class labels: give labels in place of splits.
    """
    places: dict[int, list[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            places.setdefault(int(group), []).append(split)
    return [
        Leak(group, tuple(sorted(set(names))), len(names))
        for group, names in sorted(places.items())
        if len(set(names)) > 1
    ]


@dataclass(frozen=True)
class SharedPhotographs:
    """Two splits, the number of photographs that both hold, and the number of images of these in each."""

    splits: tuple[str, str]
    groups: int
    images: tuple[int, int]


def shared_pairs(groups: Sequence[int], splits: Sequence[str]) -> list[SharedPhotographs]:
    """Every two splits that share photographs, sorted by name."""
    counts: dict[int, dict[str, int]] = {}
    for group, split in zip(groups, splits, strict=True):
        if split:
            of_group = counts.setdefault(int(group), {})
            of_group[split] = of_group.get(split, 0) + 1
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for of_group in counts.values():
        names = sorted(of_group)
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                found.setdefault((one, other), []).append((of_group[one], of_group[other]))
    return [
        SharedPhotographs(pair, len(numbers), (sum(one for one, _ in numbers), sum(other for _, other in numbers)))
        for pair, numbers in sorted(found.items())
    ]


@dataclass(frozen=True)
class LocatedImage:
    """One image: the file, the DIR it was found under as given, its path there with forward slashes.

    `split` and `label` are "" where nothing tells them.
    """

    file: Path
    dir: str
    path: str
    split: str
    label: str


def locate_images(dirs: Sequence[str]) -> tuple[list[LocatedImage], list[str]]:
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
            notes.append(f"{terminal_text(given)}: {again} images lie in an earlier DIR too and are counted once.")
    return _with_splits(found), notes


def _folder(given: str) -> Path:
    try:
        folder = Path(given)
        if folder.is_dir():
            return folder
        there = folder.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{terminal_text(given)} is no path that can be read: {error}.") from error
    if there:
        raise InputError(f"{terminal_text(given)} is a file. Name a folder of images.")
    raise InputError(f"{terminal_text(given)} does not exist. Check the path.")


def _with_splits(found: list[tuple[Path, str, str]]) -> list[LocatedImage]:
    """Places with split and label: what a known set's table says, else the names of folders and DIRs."""
    published = {given: _published(Path(given)) for given in {given for _, given, _ in found}}
    several = len(published) > 1
    places: list[LocatedImage] = []
    for file, given, path in found:
        told = published[given].get(str(file.absolute()))
        split, label = told if told else (split_of(path), folder_label(path))
        if several:
            split = f"{given}: {split}" if split else given
        places.append(LocatedImage(file, given, path, split, label))
    return places


def split_of(path: str) -> str:
    """The outermost folder of a path whose name is a split's (TRAIN, test, val, fold2, ...), or ""."""
    return next((part for part in PurePosixPath(path).parts[:-1] if _SPLIT.fullmatch(part)), "")


def folder_label(path: str) -> str:
    """The class that an image's own folder names, or "" where that is a split or the DIR itself."""
    folder = PurePosixPath(path).parent.name
    return "" if folder.lower() in ("", "images", "image", "img") or _SPLIT.fullmatch(folder) else folder


def _published(folder: Path) -> dict[str, tuple[str, str]]:
    """Split and label of each image by absolute path, where the folder is a known set's that has a table of them."""
    from core.data.datasets import read_data
    from core.data.known_sets import recognised

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


def terminal_text(text: str) -> str:
    """Text for a terminal: a question mark for what is not printable."""
    return "".join(character if character.isprintable() else "?" for character in text)


@dataclass(frozen=True)
class Report:
    """The readable images, the group of each, what was skipped (dir, path, reason) and how long it took."""

    places: Sequence[LocatedImage]
    groups: Sequence[int]
    skipped: Sequence[tuple[str, str, str]]
    notes: Sequence[str]
    seconds: float

    @property
    def shared(self) -> list[SharedPhotographs]:
        """Every two splits that share photographs."""
        return shared_pairs(self.groups, [place.split for place in self.places])

    @property
    def relabelled(self) -> list[Leak]:
        """Photographs under several class labels; case makes no difference."""
        return contamination(self.groups, [place.label.lower() for place in self.places])

    def members(self) -> dict[int, list[LocatedImage]]:
        """The images of each group of two or more."""
        of_group: dict[int, list[LocatedImage]] = {}
        for group, place in zip(self.groups, self.places, strict=True):
            of_group.setdefault(int(group), []).append(place)
        return {group: places for group, places in of_group.items() if len(places) > 1}

    def document(self) -> dict[str, Any]:
        """The one JSON document of `python -m core leaks --json`."""
        members = self.members()
        return {
            "images": len(self.places),
            "photographs": len(set(self.groups)),
            "groups": [_group(group, places) for group, places in sorted(members.items())],
            "alone": len(self.places) - sum(map(len, members.values())),
            "contamination": {
                "contaminated": bool(self.shared),
                "splits": sorted({place.split for place in self.places if place.split}),
                "between": [
                    {"splits": list(pair.splits), "photographs": pair.groups, "images": list(pair.images)}
                    for pair in self.shared
                ],
                "groups": [
                    {"group": leak.group, "splits": list(leak.splits), "images": leak.count}
                    for leak in contamination(self.groups, [place.split for place in self.places])
                ],
            },
            "several_labels": [
                {"group": leak.group, "labels": list(leak.splits), "images": leak.count} for leak in self.relabelled
            ],
            "skipped": [{"dir": dir_, "path": path, "reason": reason} for dir_, path, reason in self.skipped],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
            "settings": settings(),
        }

    def lines(self) -> list[str]:
        """What was found, in sentences; the longest lists cut short."""
        members = self.members()
        copies = sum(map(len, members.values()))
        lines = [
            f"{len(self.places):,} images of {len(set(self.groups)):,} photographs in {self.seconds:.0f} s: "
            f"{len(members):,} photographs have several images ({copies:,} in all)."
        ]
        for pair in self.shared:
            (one, other), (ones, others) = pair.splits, pair.images
            lines.append(
                f"CONTAMINATED: {terminal_text(one)} and {terminal_text(other)} share {pair.groups:,} photographs "
                f"({ones:,} and {others:,} images)."
            )
        if not self.shared:
            splits = {place.split for place in self.places if place.split}
            alone = (
                f"There is one split alone, {terminal_text(min(splits))}." if splits else "The images are in no splits."
            )
            lines.append("No two splits share a photograph." if len(splits) > 1 else alone)
        relabelled = self.relabelled
        if relabelled:
            lines.append(f"{len(relabelled):,} photographs stand under several class labels:")
        lines += [f"  {', '.join(_named(members[leak.group]))}" for leak in relabelled[:LISTED]]
        if len(relabelled) > LISTED:
            lines.append(f"  and {len(relabelled) - LISTED:,} more (--json lists all)")
        if self.skipped:
            lines.append(f"{len(self.skipped):,} files cannot be read and were skipped.")
        return lines


def settings() -> dict[str, Any]:
    """The figures that the answer depends on."""
    return {
        "longest_side_px": fingerprint.LONGEST_SIDE,
        "key_points": [fingerprint.FEWEST, fingerprint.MOST],
        "candidates_an_image": grouping.EACH,
        "votes_a_descriptor": retrieval.NEIGHBOURS,
        "least_points": matching.FEWEST,
        "least_likeness": [matching.LEAST_ASKED, matching.MOST_ASKED],
    }


def _group(group: int, places: Sequence[LocatedImage]) -> dict[str, Any]:
    return {
        "group": group,
        "size": len(places),
        "splits": sorted({place.split for place in places if place.split}),
        "labels": sorted({place.label for place in places if place.label}),
        "images": [{"dir": place.dir, "path": place.path} for place in places],
    }


def _named(places: Sequence[LocatedImage]) -> list[str]:
    """The first four images by name."""
    names = [terminal_text(place.path) for place in places[:4]]
    return names if len(places) <= 4 else [*names, f"... {len(places)} images"]
