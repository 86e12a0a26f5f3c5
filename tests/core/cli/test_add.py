"""`add` on the command line: what it says, asks, and leaves alone; and what `explain` then says of the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.cli import add as command
from core.cli.app import app
from core.simulation import draw_cell
from tests.support.own_models import NAMES, onnx_folder
from tests.support.tiny_models import make_model

LISTED = ",".join(NAMES)


def test_a_model_is_added_and_then_explained(tmp_path: Path) -> None:
    folder, models = onnx_folder(tmp_path), tmp_path / "models"
    result = CliRunner().invoke(app, ["add", str(folder), "--classes", LISTED, "--checkpoints", str(models)])
    assert result.exit_code == 0, result.output
    assert "Methods: LIME, Kernel SHAP, SHAP (partition), Occlusion, RISE" in result.stdout
    assert "Not offered: Grad-CAM needs the gradients of mine: an ONNX file computes answers and no" in result.stdout
    make_model(models, "ours")
    Image.fromarray(draw_cell("neutrophil", 1).image).save(tmp_path / "cell.png")
    asked = ["explain", str(tmp_path / "cell.png"), "--checkpoints", str(models), "--out"]
    every = CliRunner().invoke(app, [*asked, str(tmp_path / "every")])
    assert every.exit_code == 0 and "left out: Grad-CAM needs the gradients of mine" in every.stderr
    assert sorted(path.name for path in (tmp_path / "every").iterdir() if path.is_dir()) == ["ours"]
    named = CliRunner().invoke(app, [*asked, str(tmp_path / "named"), "--model", "mine"])
    assert named.exit_code == 2 and "error: Grad-CAM needs the gradients of mine" in named.stderr
    assert not (tmp_path / "named").exists()
    fits = ["--model", "mine", "--method", "occlusion"]
    assert CliRunner().invoke(app, [*asked, str(tmp_path / "fits"), *fits]).exit_code == 0
    assert (tmp_path / "fits/mine/occlusion.npz").is_file()


def test_json_is_one_document(tmp_path: Path) -> None:
    options = ["--name", "other", "--classes", LISTED, "--title", "A title", "--checkpoints", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, ["add", str(onnx_folder(tmp_path, "a")), *options])
    told = json.loads(result.stdout)
    assert told["model"] == "other" and told["card"]["title"] == "A title" and len(told["cells"]) == 5
    assert {one["method"]: one["fits"] for one in told["methods"]}["gradcam"] is False


def test_what_is_missing_is_asked_for_in_a_terminal_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, models = onnx_folder(tmp_path), tmp_path / "models"
    silent = CliRunner().invoke(app, ["add", str(folder), "--checkpoints", str(models)], input=LISTED + "\n")
    assert silent.exit_code == 2 and "say its classes (--classes)" in silent.stderr
    assert not models.exists()

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(command.sys, "stdin", Terminal())
    monkeypatch.setattr(command.typer, "prompt", lambda text, err: LISTED)
    command.add_model(folder, checkpoints=models)
    assert json.loads((models / "mine/card.json").read_text())["classes"] == list(NAMES)


@pytest.mark.parametrize("options", [["--size", "8"], ["--classes", "a"], ["--classes", ","], ["--scaling", "x"]])
def test_bad_options_end_with_2(tmp_path: Path, options: list[str]) -> None:
    models = tmp_path / "models"
    given = ["--classes", LISTED, *options, "--checkpoints", str(models)]
    result = CliRunner().invoke(app, ["add", str(onnx_folder(tmp_path)), *given])
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert not models.exists() or list(models.iterdir()) == []
