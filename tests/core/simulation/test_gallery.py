"""The gallery: ten cells, two a class, apart from training's seeds."""

from __future__ import annotations

from collections import Counter

import numpy as np

from core.classes import CLASSES
from core.simulation import FIRST_TRAINING_SEED, draw_cell, gallery


def test_ten_cells_two_a_class_with_unique_keys() -> None:
    entries = gallery()
    assert [entry.label for entry in entries] == sorted((entry.label for entry in entries), key=CLASSES.index)
    assert Counter(entry.label for entry in entries) == dict.fromkeys(CLASSES, 2)
    assert len({entry.key for entry in entries}) == 10
    assert {entry.key for entry in entries} >= {"basophil-1", "neutrophil-2"}


def test_seeds_stay_below_those_of_training() -> None:
    assert all(entry.seed < FIRST_TRAINING_SEED for entry in gallery())


def test_an_entry_draws_the_cell_of_its_class_and_seed() -> None:
    entry = gallery()[0]
    cell = entry.cell()
    assert (cell.label, cell.seed) == (entry.label, entry.seed)
    assert np.array_equal(cell.image, draw_cell(entry.label, entry.seed, 224).image)
