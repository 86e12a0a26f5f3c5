"""Names of classes as laboratories write them: one class each, and what was taken for what is said."""

from __future__ import annotations

import pytest

from core.classes import CLASSES, OTHER_NAMES, common_name, known_as
from core.data.labels import fold_labels


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Neutrophils", "neutrophil"),
        ("NEU", "neutrophil"),
        ("Neut", "neutrophil"),
        ("segmented_neutrophil", "neutrophil"),
        ("Segmented-Neutrophils", "neutrophil"),
        ("lymph", "lymphocyte"),
        ("Mono.", "monocyte"),
        (" EOS ", "eosinophil"),
        ("baso", "basophil"),
        ("monocyte", "monocyte"),
        ("band", None),
        ("band neutrophil", None),
        ("metamyelocyte", None),
        ("blast", None),
        ("", None),
    ],
)
def test_common_other_names_are_recognised(name: str, ours: str | None) -> None:
    assert common_name(name) == ours


def test_no_name_stands_for_two_classes() -> None:
    every = [name for names in OTHER_NAMES.values() for name in names]
    assert len(every) == len(set(every)) and not set(every) & set(CLASSES)
    assert set(OTHER_NAMES) == set(CLASSES)


def test_labels_under_other_names_become_ours_and_it_is_said() -> None:
    labels, notes = fold_labels(["NEU", "Lymphs", "NEU", "blast", "monocyte", "Neutrophils"])
    assert labels == ["neutrophil", "lymphocyte", "neutrophil", "blast", "monocyte", "neutrophil"]
    assert notes == ("“Lymphs” is taken for lymphocyte.", "“NEU” and “Neutrophils” are taken for neutrophil.")


def test_names_of_ours_and_unknown_ones_need_no_word() -> None:
    assert fold_labels(["neutrophil", "blast"]) == (["neutrophil", "blast"], ())


def test_a_model_with_class_names_of_its_own_is_met_by_them() -> None:
    own = ("LYM", "NEU", "blast")
    assert known_as("neutrophil", own) == "NEU"
    assert known_as("NEU", own) == "NEU"
    assert known_as("blast", own) == "blast"
    assert known_as("monocyte", own) is None
    assert known_as("neutrophil", ("NEU", "SEG")) is None  # two of the model's classes: nobody can tell which
