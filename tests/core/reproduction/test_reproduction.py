"""Rows of the reproduction table, made from a run's own files, and the table on disk and as Markdown."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score
from typer.testing import CliRunner

from benchmarks.__main__ import app
from core.errors import InputError
from core.reproduction.papers import ISLAM, KATAR, published
from core.reproduction.record import command, row_of_run
from core.reproduction.table import FIGURES, Table, read_reproduction_table, table_markdown, write_table
from core.training.recipe import read_recipe
from tests.support.answers import made_up
from tests.support.evaluated_models import make_answered

COUNTS = {"train": {"monocyte": 60, "basophil": 10}, "val": {"monocyte": 20}, "test": {"monocyte": 10}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of the papers' custom CNN: 300 test answers, two epochs, photographs not kept apart."""
    folder = tmp_path / "islam-random"
    make_answered(folder, "model", architecture="islam_cnn")
    recipe = read_recipe("islam-2024", changes={"stages.epochs": 2, "split.groups": "/home/me/groups.csv"})
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    (folder / "data.json").write_text(json.dumps({"name": "kaggle", "title": "Kaggle", "counts": COUNTS}))
    return folder


def test_a_row_holds_what_the_run_reached(run: Path) -> None:
    row, answers = row_of_run(run), made_up(300, skill=2.5, seed=0)
    assert row.accuracy.value == pytest.approx(accuracy_score(answers.labels, answers.predicted))
    assert row.f1.value == pytest.approx(f1_score(answers.labels, answers.predicted, average="macro"))
    assert (row.images, row.epochs, row.seconds, row.validation_accuracy) == (300, 2, 22, 0.75)
    assert (row.paper, row.published, row.input_size) == ("islam-2024", 0.9912, 120)
    assert row.protocol.startswith("drawn at random, stratified; photographs not kept apart; 70 / 20 / 10")
    assert "/home" not in row.model_dump_json()


def test_the_command_makes_the_same_recipe_again(run: Path) -> None:
    row = row_of_run(run)
    words = shlex.split(row.command)
    assert words[:6] == ["python", "-m", "core", "train", "islam-2024", "--architecture"]
    assert "stages.0.epochs=2" in words and words[-2:] == ["--data", "DIR"]
    plain = command(read_recipe("katar-2022", "vgg19"), "pbc")
    assert plain == "python -m core train katar-2022 --architecture vgg19 --dataset pbc --data DIR"


def test_the_command_line_enters_and_replaces_rows(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    for note in ("first", "second"):
        result = CliRunner().invoke(app, ["reproduction", str(run), "--out", str(out), "--note", note])
        assert result.exit_code == 0, result.output
    table = read_reproduction_table(out)
    assert [row.note for row in table.rows] == ["second"]
    text = CliRunner().invoke(app, ["reproduction", "--out", str(out), "--markdown"]).stdout
    assert "99.12 %" in text and "second" in text and table.rows[0].command in text
    assert text.count("\n|") == 3
    refused = CliRunner().invoke(app, ["reproduction", str(tmp_path), "--out", str(out)])
    assert refused.exit_code == 2 and "no finished model" in refused.stderr


@pytest.mark.parametrize("name", ["recipe.json", "data.json"])
def test_a_run_that_lacks_or_damages_a_file_is_told(run: Path, name: str) -> None:
    (run / name).write_text("[")
    with pytest.raises(InputError, match=f"{name} is damaged"):
        row_of_run(run)
    (run / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        row_of_run(run)


def test_what_no_row_can_hold_is_told(run: Path) -> None:
    with pytest.raises(InputError, match=r"row of islam-random is not valid: note: .*at most 1000"):
        row_of_run(run, note="x" * 1001)
    (run / "data.json").write_text(json.dumps({"counts": {**COUNTS, "val": {"monocyte": "many"}}}))
    assert "(train / validation / test)" not in row_of_run(run).protocol


def test_the_table_is_checked_when_read(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    assert read_reproduction_table(path) == Table()
    table = Table().with_row(row_of_run(run))
    write_table(table, path)
    assert read_reproduction_table(path) == table and "No run" in table_markdown(Table())
    path.write_text(path.read_text().replace('"islam-2024"', '"nobody-2025"'))
    with pytest.raises(InputError, match=r"rows\.0\.paper"):
        read_reproduction_table(path)
    read_reproduction_table(FIGURES)


def test_the_papers_tables() -> None:
    assert sum(count for _, count in KATAR.counts) == KATAR.images == 16_633
    assert sum(count for _, count in ISLAM.counts) == ISLAM.images == 12_444
    for model in KATAR.models:
        for name, one in model.per_class:
            assert one.f1 == pytest.approx(
                2 * one.precision * one.sensitivity / (one.precision + one.sensitivity), abs=0.02
            ), name
    assert published("katar-2022", "mobilenet_v3_small").accuracy == 98.86
    assert published("katar-2022", "islam_cnn") is None and published("leukolens", "vgg19") is None
