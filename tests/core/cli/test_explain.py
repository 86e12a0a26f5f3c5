"""`explain` as a user types it: files, documents, settings, scores, masks."""

from __future__ import annotations

import io
import json
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli import common, explain_work
from core.cli.app import app
from core.cli.common import Stop
from core.explanation.methods.registry import METHODS
from core.explanation.quality.control_maps import CONTROLS
from core.explanation.quality.scores import SCORES
from core.simulation import draw_cell

# Small enough to be quick on a tiny network; every method that spends a budget is here.
QUICK = {kind.name: kind.budget for kind in METHODS.values() if kind.budget}
BUDGETS = [f"--set={name}.{field.name}={max(int(field.low), 240)}" for name, field in QUICK.items()]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn cell, and the mask of it beside: its nucleus and cytoplasm."""
    folder = tmp_path_factory.mktemp("images")
    drawn = draw_cell("neutrophil", 3, size=240)
    Image.fromarray(drawn.image).save(folder / "cell.png")
    Image.fromarray(((drawn.nucleus | drawn.cytoplasm) * 255).astype(np.uint8)).save(folder / "mask.png")
    return folder / "cell.png"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def entry_of(document: dict[str, list[dict[str, object]]], model: str = "second") -> dict[str, object]:
    return next(entry for entry in document["models"] if entry["model"] == model)


def test_gradcam_is_what_one_gets_without_asking(root: Path, cell: Path, tmp_path: Path) -> None:
    result = run(cell, "--out", tmp_path, "--checkpoints", root, "--model", "second", "--json")
    assert result.exit_code == 0
    assert [item["method"] for item in entry_of(json.loads(result.stdout))["explanations"]] == ["gradcam"]
    assert (tmp_path / "second" / "gradcam-monocyte.png").is_file()


def test_all_methods_at_once(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--method", "all", *BUDGETS, "--model", "second", "--class", "monocyte", "--checkpoints", root]
    result = run(cell, *options, "--seed", "7", "--out", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    items = {item["method"]: item for item in entry_of(json.loads(result.stdout))["explanations"]}
    assert list(items) == list(METHODS)
    for name, item in items.items():
        kind = METHODS[name]
        assert item["complete"] and item["signed"] == kind.signed and item["explains"] == kind.explains
        assert set(item["settings"]) == set(kind.settings.model_fields)
        assert (item["mean_standard_error"] is not None) == (kind.uncertainty == "standard error")
        assert item["gap"] is not None or kind.uncertainty != "gap"
        compared = {"background", "baseline"} & set(item["settings"])
        assert (item["background"] is not None) == bool(compared)
        assert not compared or len(item["background"]["sha256"]) == 64
        assert (item["seed"] == 7) == (kind.uncertainty == "standard error")
        assert item["precision"] == "float32" and item["threads"] >= 1
        if name in QUICK:
            assert item["settings"][QUICK[name].name] == max(int(QUICK[name].low), 240)
        with np.load(tmp_path / "second" / f"{name}.npz", allow_pickle=False) as stored:
            assert np.isfinite(stored["values"]).all() and stored["cell"].shape == (224, 224)
            assert ("error" in stored) == (item["mean_standard_error"] is not None)
            assert ("weights" in stored) == (item["superpixels"] is not None)
        borders = tmp_path / "second" / f"{name}-monocyte-borders.png"
        assert borders.is_file() == (item["superpixels"] is not None)


def test_a_setting_is_for_every_model_or_for_one(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--set", "gradcam.layer@second=block3", "--set", "gradcam.layer=block4", "--checkpoints", root]
    document = json.loads(run(cell, *options, "--out", tmp_path, "--json").stdout)
    layers = {entry["model"]: entry["explanations"][0]["layer"] for entry in document["models"]}
    assert layers == {"islam_cnn": "block4", "second": "block3"}
    assert document["parameters"]["settings"][0]["model"] == "second"


def test_a_zip_holds_what_the_folder_would(root: Path, cell: Path, tmp_path: Path) -> None:
    options = [cell, "--model", "second", "--method", "gradcam", "--method", "layercam", "--checkpoints", root]
    for out in ("folder", "a.zip", "b.zip"):
        assert run(*options, "--out", tmp_path / out).exit_code == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        for name in names:
            assert archive.read(name) == (tmp_path / "folder" / name).read_bytes()
    assert names[-1] == "manifest.json" and {"image.png", "second/view.png", "second/layercam.npz"} <= set(names)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip", "folder"]


def test_the_readers_mask_is_framed_as_the_view(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--model", "second", "--checkpoints", root, "--json"]
    estimated = entry_of(json.loads(run(cell, *options, "--out", tmp_path / "a").stdout))["cell_mask"]
    mask = ["--mask", cell.with_name("mask.png")]
    given = entry_of(json.loads(run(cell, *options, *mask, "--out", tmp_path / "b").stdout))["cell_mask"]
    assert (estimated["source"], given["source"]) == ("estimated", "given")
    assert abs(estimated["share"] - given["share"]) < 0.15 and estimated["sha256"] != given["sha256"]
    masks = [np.load(tmp_path / name / "second" / "gradcam.npz")["cell"] for name in "ab"]
    assert (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() > 0.7


def test_masked_framing_takes_a_mask_too(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--model", "second", "--checkpoints", root, "--framing", "masked", "--mask", cell.with_name("mask.png")]
    result = run(cell, *options, "--out", tmp_path, "--json")
    assert result.exit_code == 0 and entry_of(json.loads(result.stdout))["cell_mask"]["source"] == "given"


def test_models_that_see_the_same_share_a_scene(root: Path, cell: Path, tmp_path: Path) -> None:
    document = json.loads(run(cell, "--out", tmp_path, "--checkpoints", root, "--json").stdout)
    first, second = document["models"]
    assert first["scene_sha256"] == second["scene_sha256"] and first["prediction"]["predicted"] in CLASSES
    assert sum(second["prediction"]["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_scores_stand_in_the_document_and_in_a_file(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--method", "gradcam", "--method", "layercam", "--scores", "--randomisation", "--checkpoints", root]
    document = json.loads(run(cell, *options, "--out", tmp_path, "--json").stdout)
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert [entry["model"] for entry in stored["models"]] == ["islam_cnn", "second"]
    for entry, scores in zip(document["models"], stored["models"], strict=True):
        answer = entry["prediction"]["predicted"]
        assert entry["scores"] == scores["scores"] and entry["randomisation"] == scores["randomisation"]
        for found in (entry["scores"], entry["randomisation"]):
            assert [(one["method"], one["label"]) for one in found] == [("gradcam", answer), ("layercam", answer)]
        rows = {row["score"]: row for row in entry["scores"][0]["rows"]}
        assert set(rows) == set(SCORES)
        assert all(row["sentence"] and set(row["controls"]) == set(CONTROLS) for row in rows.values())
    assert {one["label"] for one in stored["agreement"]} == {e["prediction"]["predicted"] for e in document["models"]}
    assert len(stored["agreement"][0]["names"]) + len(stored["agreement"][0]["left_out"]) == 4


def test_scores_are_of_the_classes_named(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--scores", "--class", "basophil", "--class", "monocyte", "--model", "second", "--checkpoints", root]
    entry = entry_of(json.loads(run(cell, *options, "--out", tmp_path, "--json").stdout))
    assert [scoring["label"] for scoring in entry["scores"]] == ["basophil", "monocyte"]


def test_ctrl_c_keeps_what_is_there(root: Path, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def press(task: object, label: str, stop: Stop) -> bool:
        steps.append(label)
        if len(steps) == 2:
            signal.raise_signal(signal.SIGINT)
        return real(task, label, stop)

    real = explain_work.run
    monkeypatch.setattr(explain_work, "run", press)
    before = signal.getsignal(signal.SIGINT)
    result = run(
        cell, "--method", "gradcam", "--method", "layercam", "--out", tmp_path, "--checkpoints", root, "--json"
    )
    assert result.exit_code == 130 and signal.getsignal(signal.SIGINT) is before
    document = json.loads(result.stdout)
    assert document["complete"] is False and "Stopped" in document["faults"][0]["message"]
    assert [item["method"] for item in document["models"][0]["explanations"]] == ["gradcam"]
    assert len(document["models"]) == 1 and (tmp_path / "manifest.json").is_file()


def test_a_picture_without_a_cell_is_told(root: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((60, 90, 3), 200, dtype=np.uint8)).save(tmp_path / "empty.png")
    options = ["--model", "second", "--checkpoints", root, "--out", tmp_path / "x.zip", "--json"]
    result = run(tmp_path / "empty.png", *options)
    assert result.exit_code == 0 and "No cell found" in result.stderr
    entry = entry_of(json.loads(result.stdout))
    assert entry["cell_found"] is False and entry["cell_mask"]["source"] == "none found"


def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(common, "SELDOM", 0.0)
    assert common.run(Counting(), "resnet50: rise", Stop())
    told = capsys.readouterr()
    assert told.out == "" and told.err.splitlines()[0] == "resnet50: rise: 10/30 evaluations, 0 s"
    stopped, stop = Counting(), Stop()
    stop.asked = True
    assert not common.run(stopped, "", stop) and stopped.evaluations == 0


class Counting:
    """A task of three steps."""

    budget = 30
    evaluations = 0

    @property
    def done(self) -> bool:
        """After three."""
        return self.evaluations >= self.budget

    def advance(self) -> None:
        """Ten more."""
        self.evaluations += 10


def test_help_tells_every_setting() -> None:
    text = " ".join(run("--help").stdout.split())
    for kind in METHODS.values():
        assert kind.name in text
        for name in kind.settings.model_fields:
            assert f"{name} = " in text


def test_the_picture_in_the_bundle_carries_no_metadata(root: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "a camera"
    photo = tmp_path / "photo.jpg"
    Image.fromarray(draw_cell("monocyte", 1, size=120).image).save(photo, exif=exif)
    run(photo, "--model", "second", "--checkpoints", root, "--out", tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        stored = Image.open(io.BytesIO(archive.read("image.png")))
    assert stored.info == {} and not stored.getexif() and stored.size == (120, 120)
