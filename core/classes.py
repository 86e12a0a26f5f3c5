"""The five classes of white blood cell, in the one order used everywhere, and which names a class may have."""

from __future__ import annotations

import unicodedata

CLASSES: tuple[str, ...] = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil")

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
