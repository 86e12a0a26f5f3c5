"""The `leaks` command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli.app import app
from tests.support.photographs import photograph, save, turned


@pytest.fixture
def smear(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    save(photograph(1), root / "train" / "x" / "1.png")
    save(turned(photograph(1), 20), root / "test" / "y" / "a,\nb.png")
    save(photograph(2), root / "test" / "y" / "2.png")
    (root / "train" / "x" / "bad.jpg").write_text("none")
    return root


def test_json_and_csv(smear: Path, tmp_path: Path) -> None:
    out = tmp_path / "groups.csv"
    result = CliRunner().invoke(app, ["leaks", str(smear), "--json", "--out", str(out)])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["images"], found["photographs"], found["alone"]) == (3, 2, 1)
    assert [entry["path"] for entry in found["skipped"]] == ["train/x/bad.jpg"]
    assert found["contamination"]["between"] == [{"splits": ["test", "train"], "photographs": 1, "images": [1, 1]}]
    assert [entry["labels"] for entry in found["several_labels"]] == [["x", "y"]]
    with out.open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"train/x/1.png", "test/y/a,\nb.png", "test/y/2.png"}
    assert {row["dir"] for row in rows.values()} == {str(smear)}
    assert rows["train/x/1.png"]["group"] == rows["test/y/a,\nb.png"]["group"] != rows["test/y/2.png"]["group"]


def test_folders_given_apart_are_splits(smear: Path) -> None:
    result = CliRunner().invoke(app, ["leaks", str(smear / "train"), str(smear / "test")])
    assert result.exit_code == 0
    assert "CONTAMINATED" in result.stdout
    assert "1 files cannot be read" in result.stdout


def test_one_split_alone_is_no_lack_of_splits(tmp_path: Path) -> None:
    save(photograph(1), tmp_path / "train" / "x" / "1.png")
    told = CliRunner().invoke(app, ["leaks", str(tmp_path)]).stdout
    assert "There is one split alone, train." in told


def test_bad_input_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    only = tmp_path / "only"
    only.mkdir()
    (only / "bad.png").write_text("none")
    fine = save(photograph(3), tmp_path / "fine" / "1.png").parent
    for arguments in (
        [str(tmp_path / "none")],
        [str(empty)],
        [str(only)],
        [str(fine / "1.png")],
        [str(fine), "--out", str(tmp_path)],
        [str(fine), "--out", str(tmp_path / "no" / "where.csv")],
    ):
        result = CliRunner().invoke(app, ["leaks", *arguments])
        assert result.exit_code == 2, arguments
        assert "error: " in result.stderr and "Traceback" not in result.stderr
