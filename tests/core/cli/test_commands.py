"""The commands as a user types them: documents, files, exit codes, and no traceback for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from core.classes import CLASSES
from core.cli.app import app
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

COMMANDS = ("models", "predict", "count", "preprocess", "explain", "train", "evaluate", "samples", "train-finder")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, label in enumerate(("neutrophil", "monocyte", "basophil")):
        Image.fromarray(draw_cell(label, number, size=120).image).save(folder / f"{label}.png")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    assert result.exit_code == 2 and result.stdout == ""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0 and "--json" in result.stdout


def test_models_lists_cards(root: Path) -> None:
    document = json.loads(run("models", "--checkpoints", root, "--json").stdout)
    assert [entry["model"] for entry in document] == ["islam_cnn", "second"]
    assert document[0]["classes"] == list(CLASSES) and document[0]["framing"] == "cell"


def test_predict_answers_every_image_by_every_model(root: Path, images: Path) -> None:
    result = run("predict", images, "--checkpoints", root, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert len(document) == 6
    for entry in document:
        assert entry["classes"] == list(CLASSES) and sum(entry["probabilities"]) == pytest.approx(1, abs=1e-5)
        named = entry["probabilities"][CLASSES.index(entry["predicted"])]
        assert named == max(entry["probabilities"]) and entry["seconds"] > 0
    one = run("predict", images / "monocyte.png", "--model", "second", "--checkpoints", root, "--json")
    alone = json.loads(one.stdout)
    same = next(e for e in document if e["model"] == "second" and e["image"].endswith("monocyte.png"))
    assert alone[0]["probabilities"] == pytest.approx(same["probabilities"], abs=1e-5)


def test_predict_takes_a_model_folder_by_path(root: Path, images: Path) -> None:
    result = run("predict", images / "monocyte.png", "--model", root / "second", "--json")
    assert json.loads(result.stdout)[0]["model"] == "second"


def test_predict_skips_what_cannot_be_read_and_says_so(root: Path, images: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no image")
    result = run("predict", images / "monocyte.png", broken, "--checkpoints", root, "--json")
    assert result.exit_code == 2 and len(json.loads(result.stdout)) == 2
    assert "broken.png" in result.stderr and "1 of 2 images" in result.stderr


def test_predict_skips_folders_that_are_no_models_unless_they_are_named(images: Path, tmp_path: Path) -> None:
    make_model(tmp_path, "good")
    (tmp_path / "notes").mkdir()
    result = run("predict", images / "monocyte.png", "--checkpoints", tmp_path, "--json")
    assert result.exit_code == 0 and [entry["model"] for entry in json.loads(result.stdout)] == ["good"]
    assert "notes" in result.stderr
    refused(run("predict", images / "monocyte.png", "--model", "notes", "--checkpoints", tmp_path))


def test_two_models_of_one_name_are_refused(images: Path, tmp_path: Path) -> None:
    for place in ("a", "b"):
        make_model(tmp_path / place, "same")
    two = ["--model", tmp_path / "a" / "same", "--model", tmp_path / "b" / "same"]
    assert "named same" in refused(run("predict", images / "monocyte.png", *two))


def test_the_current_folder_can_be_a_model(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model(tmp_path, "mine")
    monkeypatch.chdir(tmp_path / "mine")
    result = run("predict", images / "monocyte.png", "--model", ".", "--json")
    assert json.loads(result.stdout)[0]["model"] == "mine"


def test_masked_pictures_say_how_they_were_cut(root: Path, images: Path, tmp_path: Path) -> None:
    options = ["--method", "gradcam", "--framing", "masked", "--model", "second", "--checkpoints", root]
    result = run("explain", images / "neutrophil.png", *options, "--out", tmp_path, "--json")
    entry = json.loads(result.stdout)["models"][0]
    assert entry["framing"] == "masked" and entry["preprocessing"]["mode"] == "automatic"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "nowhere.png"),
        (["{images}", "--model", "alexnet"], "Available: islam_cnn, second"),
        (["{images}", "--framing", "tight"], "Known: cell"),
        (["{images}", "--checkpoints", "{images}"], "no models"),
    ],
)
def test_predict_refuses_in_words(root: Path, images: Path, arguments: list[str], message: str) -> None:
    filled = [argument.format(images=images) for argument in arguments]
    options = [] if "--checkpoints" in filled else ["--checkpoints", str(root)]
    assert message in refused(run("predict", *filled, *options))


def test_explain_writes_raw_values_pictures_and_a_manifest_last(root: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--method", "gradcam", "--method", "gradcam++", "--class", "monocyte", "--class", "basophil"]
    result = run("explain", images / "monocyte.png", *options, "--out", out, "--checkpoints", root, "--json")
    assert result.exit_code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == json.loads(result.stdout)
    for model in ("islam_cnn", "second"):
        for method in ("gradcam", "gradcam++"):
            with np.load(out / model / f"{method}.npz") as stored:
                assert stored["values"].shape == (2, 120, 120) and stored["values"].dtype == np.float32
                assert list(stored["classes"]) == ["monocyte", "basophil"]
            assert Image.open(out / model / f"{method}-monocyte.png").size == (120, 120)
    newest = max(out.rglob("*.*"), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == "manifest.json"
    assert set(manifest["files"]) == {
        p.relative_to(out).as_posix() for p in out.rglob("*.*") if p.name != "manifest.json"
    }
    assert len(manifest["image"]["sha256"]) == 64 and manifest["models"][0]["layer"] == "block5"


def test_explaining_twice_gives_the_same_files(root: Path, images: Path, tmp_path: Path) -> None:
    options = ["--method", "gradcam", "--model", "second", "--checkpoints", root]
    for name in ("a", "b"):
        run("explain", images / "monocyte.png", *options, "--out", tmp_path / name)
    hashes = [json.loads((tmp_path / name / "manifest.json").read_text())["files"] for name in ("a", "b")]
    pictures = [{k: v for k, v in files.items() if k.endswith(".png")} for files in hashes]
    assert pictures[0] == pictures[1]
    values = [np.load(tmp_path / name / "second" / "gradcam.npz")["values"] for name in ("a", "b")]
    assert np.array_equal(*values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "saliency"], "Known: gradcam"),
        (["--method", "gradcam", "--class", "blast"], "no class 'blast'"),
        (["--method", "gradcam", "--palette", "jet"], "Known: cividis"),
    ],
)
def test_explain_refuses_in_words(root: Path, images: Path, tmp_path: Path, options: list[str], message: str) -> None:
    result = run("explain", images / "monocyte.png", *options, "--out", tmp_path / "out", "--checkpoints", root)
    assert message in refused(result)
    assert not (tmp_path / "out").exists()


def test_explain_into_a_place_that_is_a_file(root: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(
        "explain", images / "monocyte.png", "--method", "gradcam", "--out", tmp_path / "file", "--checkpoints", root
    )
    assert "Cannot write" in refused(result)


def test_evaluate_a_folder_of_class_folders(root: Path, tmp_path: Path) -> None:
    for label in ("neutrophil", "monocyte"):
        (tmp_path / label).mkdir()
        Image.fromarray(draw_cell(label, 1, size=120).image).save(tmp_path / label / "a.png")
    arguments = ["evaluate", "--data", tmp_path, "--dataset", "folder", "--checkpoints", root]
    result = run(*arguments, "--model", "second", "--out", tmp_path / "answers", "--json")
    document = json.loads(result.stdout)
    assert (tmp_path / "answers" / "second.parquet").is_file() and document[0]["mean_recall"] is None
    (tmp_path / "file").write_text("")
    assert "Cannot write" in refused(run(*arguments, "--out", tmp_path / "file"))
    assert document[0]["images"] == 2 and document[0]["counts"]["monocyte"] == 1


def test_train_and_evaluate_need_data(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    assert "--data" in refused(run("train", "leukolens"))
    assert "--data" in refused(run("evaluate", "--checkpoints", root))
    assert "Shipped:" in refused(run("train", "missing", "--data", root))
