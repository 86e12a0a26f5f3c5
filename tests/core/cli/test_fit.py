"""`fit` as a user types it: what it writes, when it writes nothing, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.cli.app import app
from core.models.checkpoints import load_classifier
from tests.support.datasets import cell

CLASSES = ("basophil", "lymphocyte", "neutrophil")


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ward")
    for number in range(36):
        label = CLASSES[number % 3]
        cell(folder / label / f"{number}.png", number, label)
    return folder


def fit(root: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["fit", "--checkpoints", str(root), *map(str, arguments)])


def refused(result: Result) -> str:
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


def test_a_model_is_fitted_measured_and_written(root: Path, cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "own"
    result = fit(root, "--model", "islam_cnn", "--data", cells, "--per-class", 8, "--out", out, "--anyway", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["labelled"]["basophil"] == 8 and told["labelled"]["monocyte"] == 0 and told["unlabelled"] == 12
    assert told["held_out"]["after"]["images"] == 12 and told["folder"] == str(out)
    assert told["before"]["mean_recall"] + told["gain"]["value"] == pytest.approx(told["after"]["mean_recall"])
    assert load_classifier(out).card.fitted is not None


def test_a_fit_that_does_not_help_leaves_no_trace(root: Path, cells: Path, tmp_path: Path) -> None:
    """Labels dealt out by chance: nothing can be learnt from them."""
    random = np.random.default_rng(0)
    rows = [f"{path},{random.choice(CLASSES)}" for path in sorted(cells.rglob("*.png"))]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    result = fit(root, "--model", "islam_cnn", "--data", tmp_path / "labels.csv", "--out", tmp_path / "own")
    assert result.exit_code == 0 and "islam_cnn is kept as it is." in result.stdout
    assert not (tmp_path / "own").exists()


def test_a_second_fit_gets_a_name_of_its_own(root: Path, cells: Path) -> None:
    told = [fit(root, "--model", "islam_cnn", "--data", cells, "--anyway", "--json") for _ in range(2)]
    first, second = (Path(json.loads(result.stdout)["folder"]) for result in told)
    assert first.parent == root and second == first.with_name(f"{first.name}-2")


def test_one_class_two_cells_and_no_cells_are_refused(root: Path, tmp_path: Path) -> None:
    for number in range(6):
        cell(tmp_path / "one" / "basophil" / f"{number}.png", number)
    assert "nothing to tell apart" in refused(fit(root, "--model", "islam_cnn", "--data", tmp_path / "one"))
    cell(tmp_path / "two" / "basophil" / "1.png", 1)
    cell(tmp_path / "two" / "monocyte" / "2.png", 2)
    assert "Too few labels" in refused(fit(root, "--model", "islam_cnn", "--data", tmp_path / "two"))
    for number in range(12):
        path = tmp_path / "none" / ("basophil", "monocyte")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (200 + number, 200, 200)).save(path)
    assert "No cell was found" in refused(fit(root, "--model", "islam_cnn", "--data", tmp_path / "none"))


def test_wrong_names_and_places_are_refused(root: Path, cells: Path, tmp_path: Path) -> None:
    assert "--model" in refused(fit(root, "--data", cells))
    assert "No model 'x'" in refused(fit(root, "--model", "x", "--data", cells))
    assert "does not exist" in refused(fit(root, "--model", "islam_cnn", "--data", tmp_path / "nowhere"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    told = refused(fit(root, "--model", "islam_cnn", "--data", cells, "--out", tmp_path / "full"))
    assert "there already" in told and (tmp_path / "full" / "notes.txt").read_text() == "mine"
    for number in range(6):
        cell(tmp_path / "foreign" / ("blast", "monocyte")[number % 2] / f"{number}.png", number)
    assert "knows no blast" in refused(fit(root, "--model", "islam_cnn", "--data", tmp_path / "foreign"))
