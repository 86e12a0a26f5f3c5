"""`export` on the command line: the file, its report, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli import export as command
from core.cli.app import app
from core.conversion import parity


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six cells in place of a hundred."""
    drawn = parity.simulated_cells
    monkeypatch.setattr(command, "simulated_cells", lambda model, first_seed=0: drawn(model, 6, first_seed))


def test_an_export_comes_with_its_report(
    root: Path, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    asked = ["export", "--model", "islam_cnn", "--checkpoints", str(root), "--out", str(tmp_path), "--int8", "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((tmp_path / "parity.json").read_text())
    assert told["holds"] and told["parity"][0]["cells"] == 6 and told["parity"][0]["changed"] == 0
    sizes = {name: (tmp_path / name).stat().st_size for name in ("model.onnx", "model.int8.onnx")}
    assert sizes["model.int8.onnx"] < 0.4 * sizes["model.onnx"]
    assert told["int8"]["parity"][0]["largest"] > told["parity"][0]["largest"]


def test_a_file_that_answers_otherwise_is_not_kept(
    root: Path, tmp_path: Path, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    honest = command.runner

    def lying(*args: object) -> object:
        run = honest(*args)
        return lambda pictures: {"probabilities": run(pictures)["probabilities"] * 0.99}

    monkeypatch.setattr(command, "runner", lying)
    asked = ["export", "--model", "second", "--checkpoints", str(root), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 1 and "was not kept" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["parity.json"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--model", "nothing"], "No model 'nothing'"),
        (["--model", "second", "--int8", "--format", "torch-export"], "--int8 is for --format onnx alone"),
        (["--model", "second", "--data", "/nowhere"], "does not exist"),
    ],
)
def test_bad_input_ends_with_2(root: Path, tmp_path: Path, few: None, options: list[str], why: str) -> None:
    out = tmp_path / "new"
    result = CliRunner().invoke(app, ["export", *options, "--checkpoints", str(root), "--out", str(out)])
    assert result.exit_code == 2 and why in result.stderr and "Traceback" not in result.output
    assert not out.exists()
