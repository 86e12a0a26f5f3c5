"""The five classes of white blood cell, in the one order used everywhere, and which names a class may have."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

CLASSES: tuple[str, ...] = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "basophil": ("basophils", "baso", "basos", "bas", "ba"),
    "eosinophil": ("eosinophils", "eosino", "eos", "eosin", "eo"),
    "lymphocyte": ("lymphocytes", "lympho", "lymph", "lymphs", "lymp", "lym", "ly"),
    "monocyte": ("monocytes", "mono", "monos", "mon", "mo"),
    "neutrophil": (
        "neutrophils",
        "neutro",
        "neut",
        "neuts",
        "neu",
        "ne",
        "segmented neutrophil",
        "segmented neutrophils",
        "segmented",
        "segs",
        "seg",
        "polymorphonuclear neutrophil",
        "polymorphonuclear",
        "pmn",
    ),
}
"""How laboratories and data sets call our classes too; band forms and precursors are other cells."""

LONGEST_NAME = 41  # letters, not counting the marks that combine with them
_ALLOWED = set("_ +-\u200c\u200d")  # joiners, which Indian and Persian words need, among them


def is_class_name(name: str) -> bool:
    """Whether a class may be called so: letters with their marks, digits, spaces, "_", "+" and "-", at most 41.

    It begins with a letter, a digit or "_"; it stands in the names of files.
    """
    marks = [unicodedata.category(letter).startswith("M") for letter in name]
    known = all(letter.isalnum() or letter in _ALLOWED or mark for letter, mark in zip(name, marks, strict=True))
    first = name[:1].isalnum() or name[:1] == "_"
    return known and first and 0 < len(name) - sum(marks) <= LONGEST_NAME and len(name) <= 4 * LONGEST_NAME


def one_spelling(name: str) -> str:
    """What two spellings of one class share: composed letters (Unicode's NFC), no case, no space around."""
    return unicodedata.normalize("NFC", name.strip()).casefold()


def common_name(name: str) -> str | None:
    """The class of ours that `name` stands for, by our name or a common other one ("NEU", "Lymphs"); None for none."""
    plain = " ".join(one_spelling(name).replace("_", " ").replace("-", " ").rstrip(".").split())
    if plain in CLASSES:
        return plain
    return next((ours for ours, others in OTHER_NAMES.items() if plain in others), None)


def known_as(name: str, classes: Sequence[str]) -> str | None:
    """The one of `classes` that is called `name`, or that stands for the same class of ours; None where none does."""
    if name in classes:
        return name
    ours = common_name(name)
    found = [known for known in classes if ours is not None and common_name(known) == ours]
    return found[0] if len(found) == 1 else None


def shared_classes(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The classes that all of `lists` name, in the order and the spelling of the first."""
    first, *rest = lists
    return tuple(name for name in first if all(known_as(name, other) is not None for other in rest))
