"""Every pair of classes has a sentence of its own that names both, and says what a textbook says of them."""

from __future__ import annotations

from itertools import permutations

import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.practice.morphology import AGAINST, SIGNS, distinction

MARKS = {  # words of which a sentence about the class must hold one, from any textbook of haematology
    "basophil": ("violet",),
    "eosinophil": ("orange-red",),
    "lymphocyte": ("round", "rim"),
    "monocyte": ("folded", "grey-blue"),
    "neutrophil": ("strands", "fine", "lobes"),
}


def test_all_twenty_pairs_are_there_and_no_two_read_alike() -> None:
    assert set(AGAINST) == set(permutations(CLASSES, 2)) and set(SIGNS) == set(CLASSES)
    assert len(set(AGAINST.values())) == 20


@pytest.mark.parametrize(("true", "taken"), list(permutations(CLASSES, 2)))
def test_a_pair_is_told_by_marks_of_both(true: str, taken: str) -> None:
    told = distinction(true, taken)
    own, _, other = told.partition("; ")
    assert taken in told and true not in told, "“Its” is the cell at hand, so that only the other is named"
    assert any(mark in own for mark in MARKS[true]), own
    assert any(mark in other for mark in MARKS[taken]) or any(mark in own for mark in MARKS[taken]), other
    assert told.endswith(".") and told.count(". ") == 0


def test_a_cell_named_right_is_told_by_itself_and_a_foreign_class_is_refused() -> None:
    assert all(any(mark in distinction(name, name) for mark in MARKS[name]) for name in CLASSES)
    with pytest.raises(InputError, match="blast"):
        distinction("neutrophil", "blast")
