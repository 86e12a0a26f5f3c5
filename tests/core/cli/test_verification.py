"""`explain --verify`: the library's map beside ours, in words, in the manifest and in the bundle."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.cli import verification
from core.cli.app import app
from core.cli.common import Stop
from core.explanation.reference.process import ReferenceProcess
from core.explanation.reference.question import LibraryAnswer
from core.simulation import draw_cell


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "cell.png"
    Image.fromarray(draw_cell("neutrophil", 3, size=240).image).save(path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def test_a_map_beside_the_librarys(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--model", "second", "--class", "monocyte", "--method", "layercam", "--method", "rise"]
    options += ["--set", "rise.samples=60", "--checkpoints", root, "--verify", "--out", tmp_path / "a.zip"]
    result = run(cell, *options, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    checked, without = document["verification"]
    assert (checked["model"], checked["method"], checked["label"]) == ("second", "layercam", "monocyte")
    assert checked["library"] == "pytorch-grad-cam" and checked["version"] == document["versions"]["grad-cam"]
    assert checked["agrees"] is True and 0 <= checked["relative_difference"] < checked["tolerance"] == 1e-3
    assert checked["largest_value"] > 0.9 and checked["seconds"] > 0 < checked["our_seconds"]
    assert without["method"] == "rise" and without["agrees"] is None and "No reference library" in without["reason"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        with np.load(io.BytesIO(archive.read("second/layercam-reference.npz")), allow_pickle=False) as stored:
            assert stored["reference"].shape == stored["ours"].shape == (1, 120, 120)
            assert np.abs(stored["reference"] - stored["ours"]).max() == pytest.approx(checked["largest_difference"])
            assert list(stored["classes"]) == ["monocyte"]
        assert "second/rise-reference.npz" not in archive.namelist()
        assert "second/layercam-reference.npz" in json.loads(archive.read("manifest.json"))["files"]
    assert document["parameters"]["verify"] is True


def answer_with(monkeypatch: pytest.MonkeyPatch, act: object) -> None:
    """Let `act` take the place of the child."""
    monkeypatch.setattr(ReferenceProcess, "start", act)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_map_that_differs_ends_with_1(
    root: Path, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: list[str]
) -> None:
    def wrong(process: ReferenceProcess) -> None:
        process.answer, process._state = LibraryAnswer(np.eye(120, dtype=np.float32)[None], 1.0), "done"

    answer_with(monkeypatch, wrong)
    result = run(cell, "--model", "second", "--checkpoints", root, "--verify", "--out", tmp_path, *as_json)
    assert result.exit_code == 1 and "not those of the reference library: second: gradcam" in result.output
    stored = json.loads((tmp_path / "manifest.json").read_text())["verification"]
    assert [entry["agrees"] for entry in stored] == [False]
    assert as_json or "DIFFERS with pytorch-grad-cam" in result.stdout


def test_a_library_that_breaks_off_is_a_fault(
    root: Path, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, lambda process: process._finish("failed", "It ended with code 7."))
    result = run(cell, "--model", "second", "--checkpoints", root, "--verify", "--out", tmp_path, "--json")
    assert result.exit_code == 2 and "gradcam by pytorch-grad-cam: It ended with code 7." in result.stderr
    document = json.loads(result.stdout)
    assert document["verification"][0]["reason"] == document["faults"][0]["message"] == "It ended with code 7."
    assert (tmp_path / "second" / "gradcam.npz").is_file()


def test_ctrl_c_stops_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []

    class Endless:
        elapsed, progress = 0.0, (3, 10)

        def poll(self) -> str:
            return "running"

        def stop(self) -> None:
            stopped.append(True)

    stop = Stop()
    stop.asked = True
    verification._watch(Endless(), "a label", stop)  # type: ignore[arg-type]
    assert stopped == [True]
