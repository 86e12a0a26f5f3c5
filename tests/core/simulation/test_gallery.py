"""The gallery: ten cells, two a class, apart from training's seeds."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from core.classes import CLASSES
from core.cli.data import samples
from core.simulation import FIRST_TRAINING_SEED, draw_cell, gallery
from core.simulation.gallery import plan_samples


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


app = typer.Typer()
app.command()(samples)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_writes_images_masks_and_labels_and_lists_them_as_json(tmp_path: Path) -> None:
    result = run("--out", tmp_path, "--seed", 3, "--count", 2, "--size", 64, "--json")
    assert result.exit_code == 0
    entries = json.loads(result.stdout)
    assert [entry["label"] for entry in entries] == [label for label in CLASSES for _ in range(2)]
    for entry in entries:
        cell = draw_cell(entry["label"], entry["seed"], 64)
        assert np.array_equal(np.asarray(Image.open(entry["image"])), cell.image)
        assert np.array_equal(np.asarray(Image.open(entry["nucleus"])), cell.nucleus * np.uint8(255))
        assert np.array_equal(np.asarray(Image.open(entry["cytoplasm"])), cell.cytoplasm * np.uint8(255))
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [str(tmp_path / row["image"]) for row in rows] == [entry["image"] for entry in entries]
    assert [row["label"] for row in rows] == [entry["label"] for entry in entries]


def test_cells_is_a_folder_of_class_folders_without_masks(tmp_path: Path) -> None:
    run("--out", tmp_path, "--count", 1, "--size", 48)
    assert sorted(p.name for p in (tmp_path / "cells").iterdir()) == sorted(CLASSES)
    assert [p.name for p in sorted((tmp_path / "cells").rglob("*.png"))] == [f"{label}-0001.png" for label in CLASSES]
    assert len(list((tmp_path / "masks").rglob("*.png"))) == 10


def test_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("--out", tmp_path / name, "--seed", seed, "--count", 1, "--size", 48)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert (
        files(tmp_path / "a")["cells/monocyte/monocyte-0001.png"]
        != (files(tmp_path / "c")["cells/monocyte/monocyte-0001.png"])
    )


def test_a_larger_count_only_adds_cells(tmp_path: Path) -> None:
    few = {sample.image: sample.seed for sample in plan_samples(tmp_path, 4, 2)}
    many = {sample.image: sample.seed for sample in plan_samples(tmp_path, 4, 5)}
    assert few.items() <= many.items()


def test_seeds_never_meet_those_of_gallery_or_training() -> None:
    assert min(sample.seed for sample in plan_samples(Path("x"), 0, 3)) > 1000 * FIRST_TRAINING_SEED


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--count", 0), "from 1 to 10000"),
        (("--seed", -1), "seed is -1"),
        (("--size", 4), "from 32 to 1024"),
    ],
)
def test_bad_numbers_exit_with_2_and_one_line(tmp_path: Path, arguments: tuple[str | int, ...], told: str) -> None:
    result = run("--out", tmp_path / "new", "--json", *map(str, arguments))
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "new" / "labels.csv").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    result = run("--out", tmp_path / "taken", "--size", 48)
    assert result.exit_code == 2
    assert "is a file" in result.stderr


def test_a_folder_with_other_cells_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    run("--out", tmp_path, "--count", 2, "--size", 48)
    before = files(tmp_path)
    result = run("--out", tmp_path, "--count", 1, "--size", 48)
    assert result.exit_code == 2
    assert "other cells" in result.stderr
    assert files(tmp_path) == before
