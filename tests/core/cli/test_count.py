"""`count`: what is found, named and counted, as a document, as files, and where a photograph is bad."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.app import app
from core.simulation import draw_field
from core.simulation.crowd import SmearPlan, draw_smear

LABELS = ("neutrophil", "lymphocyte", "monocyte")


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smears")
    for number in (1, 2):
        drawn = draw_smear(SmearPlan(300, 400, LABELS, red_radius=14.0, stain="cream"), number)
        Image.fromarray(drawn.image).save(folder / f"smear-{number}.png")
    Image.fromarray(draw_field(4, 200)).save(folder / "without.png")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["count", *map(str, arguments)])


def wilson_by_hand(hits: int, of: int) -> tuple[float, float]:
    z, share = 1.959963984540054, hits / of
    middle, half = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def test_every_cell_is_named_by_every_model_and_counted(root: Path, smears: Path) -> None:
    result = run(smears, "--checkpoints", root, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert [Path(one["image"]).name for one in document["photographs"]] == [
        "smear-1.png",
        "smear-2.png",
        "without.png",
    ]
    cells = [cell for one in document["photographs"] for cell in one["cells"]]
    assert [len(one["cells"]) for one in document["photographs"]] == [3, 3, 0] and document["cells"] == 6
    for model in ("islam_cnn", "second"):
        rows = {row["class"]: row for row in document["counts"] if row["model"] == model}
        named = Counter(cell["named"][model]["class"] for cell in cells)
        assert (
            list(rows) == list(CLASSES) and {name: row["count"] for name, row in rows.items() if row["count"]} == named
        )
        for row in rows.values():
            low, high = wilson_by_hand(row["count"], 6)
            assert row["of"] == 6 and row["share"] == pytest.approx(row["count"] / 6)
            assert (row["low"], row["high"]) == (pytest.approx(max(0.0, low), abs=1e-9), pytest.approx(high))


def test_a_table_for_people(root: Path, smears: Path) -> None:
    result = run(smears, "--model", "second", "--checkpoints", root)
    assert result.exit_code == 0
    assert "smear-1.png: 3 white cells" in result.stdout and "without.png: no white cells" in result.stdout
    assert "second, 6 white cells:" in result.stdout and "islam_cnn" not in result.stdout
    assert "95 % intervals (Wilson)" in result.stdout


def test_files_hold_a_row_a_cell(root: Path, smears: Path, tmp_path: Path) -> None:
    result = run(smears, "--model", "second", "--checkpoints", root, "--out", tmp_path / "count")
    assert result.exit_code == 0
    document = json.loads((tmp_path / "count" / "count.json").read_text(encoding="utf-8"))
    with (tmp_path / "count" / "cells.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    boxes = [cell["box"] for one in document["photographs"] for cell in one["cells"]]
    assert [[int(row[side]) for side in ("left", "top", "right", "bottom")] for row in rows] == boxes
    assert all(row["second class"] in CLASSES for row in rows)
    with (tmp_path / "count" / "counts.csv").open(encoding="utf-8", newline="") as table:
        assert sum(int(row["count"]) for row in csv.DictReader(table)) == 6


def test_a_zip_and_a_photograph_without_cells(root: Path, smears: Path, tmp_path: Path) -> None:
    result = run(smears / "without.png", "--checkpoints", root, "--out", tmp_path / "count.zip")
    assert result.exit_code == 0 and "no white cells" in result.stdout
    with zipfile.ZipFile(tmp_path / "count.zip") as archive:
        assert {"cells.csv", "counts.csv", "count.json"} <= set(archive.namelist())
        rows = list(csv.reader(io.StringIO(archive.read("cells.csv").decode())))
    assert len(rows) == 1 and rows[0][:2] == ["image", "number"]


def test_a_bad_photograph_does_not_stop_the_others(root: Path, smears: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no picture")
    (folder / "b.png").write_bytes((smears / "smear-1.png").read_bytes())
    result = run(folder, "--model", "second", "--checkpoints", root, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["cells"] == 3 and "a.png" in result.stderr and "1 of 2" in result.stderr


def test_bad_input_is_refused_in_a_sentence(root: Path, smears: Path, tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    Image.fromarray(np.zeros((10_000, 10_000), dtype=np.uint8)).save(huge)
    for arguments, told in (
        ((tmp_path / "nowhere",), "does not exist"),
        ((smears, "--model", "nobody"), "nobody"),
        ((huge,), "40 megapixels"),
        ((smears, "--out", huge / "below"), "Cannot write"),
    ):
        result = run(*arguments, "--checkpoints", root)
        assert result.exit_code == 2 and told in result.stderr and result.stdout == "", arguments
        assert result.exception is None or isinstance(result.exception, SystemExit)
