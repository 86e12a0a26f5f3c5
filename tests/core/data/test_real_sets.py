"""The real sets: counts and splits as published."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.classes import CLASSES
from core.data.datasets import inventory, read_data
from core.data.framed_images import frame_table
from core.data.known_sets import KNOWN
from core.data.split import SplitRecipe, split_dataset

pytestmark = pytest.mark.data

COUNTS = {  # as the folder's own README has them, in the order of CLASSES
    "pbc": (1105, 2818, 1096, 1276, 3003),
    "kaggle": (0, 3120, 3103, 3098, 3123),
    "lisc": (55, 39, 55, 53, 53),
    "jtsc": (1, 22, 53, 48, 176),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_the_real_sets(data_root: Path, name: str) -> None:
    counts = Counter(read_data(data_root, name).table["label"])
    assert tuple(counts[label] for label in CLASSES) == COUNTS[name]


def test_splits_of_the_real_sets(data_root: Path) -> None:
    assert set(read_data(data_root, "pbc").table["split"]) == {"train", "val", "test"}
    assert Counter(read_data(data_root, "kaggle").table["split"]) == {"train": 9957, "test": 2487}
    halves = [Counter(read_data(data_root, name).table["split"]) for name in ("lisc", "jtsc")]
    assert sum(map(Counter.total, halves)) == 555 and all(set(half) == {"development", "report"} for half in halves)


def test_boxed_cells_of_bccd(data_root: Path) -> None:
    data = read_data(data_root / "bccd")
    assert data.name == "bccd" and len(data.table) == 341 and data.table["box"].ne("").all()
    assert any(note.startswith("70 of 411 photographs are left out") for note in data.notes)


def test_what_is_here_against_what_was_published(data_root: Path) -> None:
    here = {name: inventory(known, data_root) for name, known in KNOWN.items()}
    assert [name for name, found in here.items() if found.complete] == ["kaggle", "bccd", "lisc", "jtsc"]
    assert "basophil 1,105 of 1,218 (113 missing)" in here["pbc"].differences


def test_the_split_of_islam_on_the_real_set(data_root: Path) -> None:
    recipe = SplitRecipe(kind="random", validation=0.15, test=0.15)
    split = split_dataset(read_data(data_root, "kaggle"), recipe, None).table["split"]
    assert Counter(split) == {"train": 8714, "val": 1865, "test": 1865}


def test_the_papers_bounds_find_most_cells_of_their_set(data_root: Path, tmp_path: Path) -> None:
    data = read_data(data_root, "kaggle")
    table = data.split("test").iloc[::40]
    pack = frame_table(table, "islam", tmp_path, lambda _: None, data.classes)
    assert len(pack.labels) == len(table) and len(pack.whole) <= 0.1 * len(table)
    assert (pack.images.amax(dim=1) == 0).float().mean() > 0.1  # black outside the cell
