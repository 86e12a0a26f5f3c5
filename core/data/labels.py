"""Names of classes and of splits, as people spell them and as we do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from core.classes import CLASSES, common_name, is_class_name, one_spelling
from core.errors import InputError

SPLITS = ("train", "val", "test", "development", "report", "all")
_SPELLINGS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_name(text: str) -> str | None:
    """Return the split that a folder's or column's `text` means ("Validation": "val"); None where it means none."""
    name = text.strip().lower()
    return _SPELLINGS.get(name) or (name if name in SPLITS else None)


def fold_labels(labels: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Labels with one spelling a class, and a sentence for every class that had several, or another name.

    A class of ours is spelt as in CLASSES, also where it goes by another common name; any other as it is found, where
    its spellings differ in case in lower case.
    InputError for a name that a model card cannot hold.
    """
    spellings: dict[str, set[str]] = {}
    for label in labels:
        spellings.setdefault(one_spelling(label), set()).add(unicodedata.normalize("NFC", label.strip()))
    chosen = {key: _spelling(key, found) for key, found in spellings.items()}
    for name in chosen.values():
        if not is_class_name(name):
            raise InputError(
                f"The class name {name[:60]!r} cannot be used: letters, digits, spaces, '_', '+' and '-', at most 41, "
                "beginning with a letter or digit. Rename it."
            )
    notes = tuple(
        f"{_listed(sorted(found))} differ in case alone: taken as one class, {chosen[key]}."
        for key, found in sorted(spellings.items())
        if len(found) > 1 and common_name(key) in (None, key)
    )
    renamed: dict[str, set[str]] = {}
    for key, found in spellings.items():
        if chosen[key] in CLASSES and key != chosen[key]:
            renamed.setdefault(chosen[key], set()).update(found)
    notes += tuple(f"{_quoted(names)} {_is(names)} taken for {ours}." for ours, names in sorted(renamed.items()))
    return [chosen[one_spelling(label)] for label in labels], notes


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the classes among `labels`: in the order of CLASSES where all are ours, else sorted by name."""
    present = set(labels)
    if present <= set(CLASSES):
        return tuple(name for name in CLASSES if name in present)
    return tuple(sorted(present))


def shortened(names: Sequence[str], most: int = 3) -> str:
    """The first `most` names, and how many follow."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _spelling(key: str, found: set[str]) -> str:
    return common_name(key) or (min(found) if len(found) == 1 else min(name.lower() for name in found))


def _quoted(names: Iterable[str]) -> str:
    return _listed([f"“{name}”" for name in sorted(names)])


def _is(names: Sequence[str] | set[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
