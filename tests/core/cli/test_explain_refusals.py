"""Bad input to `explain`: said in words, exit code 2, no traceback, nothing half written, no invented maps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from core.cli import explain as command
from core.cli.app import app
from core.cli.common import writable
from core.errors import InputError
from core.explanation.method import Method
from core.explanation.methods.registry import METHODS
from core.models.card import read_card
from core.models.checkpoints import load_classifier, save_classifier
from core.models.classifier import Classifier
from core.simulation import draw_cell
from tests.support.tiny_models import make_model

BUDGETS = {kind.name: kind.budget for kind in METHODS.values() if kind.budget}
LEAST = [f"--set={name}.{field.name}={max(int(field.low), 16)}" for name, field in BUDGETS.items()]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    make_model(root, "islam_cnn")
    make_model(root, "second", seed=1, card={"classes": ("monocyte", "neutrophil", "a", "b", "c")})
    return root


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "cell.png"
    Image.fromarray(draw_cell("neutrophil", 3, size=120).image).save(path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def refused(result: Result) -> str:
    assert result.exit_code == 2 and result.stdout == ""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "deeplift"], "No explanation method 'deeplift'. Known: gradcam"),
        (["--class", "basophil"], "second has no class 'basophil'. It has: monocyte"),
        (["--precision", "float8"], "No precision 'float8'"),
        (["--framing", "tight"], "Known: cell"),
        (["--palette", "jet"], "Known: cividis"),
        (["--palette", "blue-red"], "Known: cividis"),
        (["--diverging", "viridis"], "Known: blue-red"),
        (["--set", "gradcam"], "cannot be read. Write --set method.name=value"),
        (["--set", "gradcam.layer"], "cannot be read"),
        (["--set", ".layer=block3"], "cannot be read"),
        (["--set", "saliency.layer=block3"], "No explanation method 'saliency'"),
        (["--set", "rise.samples=50"], "rise is not among the methods asked for (gradcam)"),
        (["--set", "gradcam.depth=3"], "gradcam: 'depth' is not known here (known: layer)"),
        (["--set", "gradcam.layer=layer4"], "islam_cnn has no layer 'layer4'. Choose one of: block"),
        (["--set", "gradcam.layer@resnet50=layer4"], "no model 'resnet50' here. There are: islam_cnn, second"),
        (["--model", "resnet50"], "Available: islam_cnn, second"),
        (["--seed", "-1"], "--seed"),
        (["--opacity", "2"], "--opacity"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    root: Path, cell: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    told = refused(run(cell, *options, "--out", tmp_path / "out", "--checkpoints", root))
    assert message in " ".join(told.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("budget", ["0", "10000000", "many", "nan", "-5"])
def test_a_budget_out_of_bounds(root: Path, cell: Path, tmp_path: Path, name: str, budget: str) -> None:
    field = BUDGETS[name]
    setting = f"{name}.{field.name}={budget}"
    told = refused(run(cell, "--method", name, "--set", setting, "--out", tmp_path / "out", "--checkpoints", root))
    assert f"{name}: {field.name} must be a whole number from {field.low:,} to {field.high:,}, not" in told
    assert not (tmp_path / "out").exists()


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that fits no model."""
    kind = METHODS["gradcam"]
    entry = Method("picky", "Picky", "cam", False, "logit", "", "", kind.start, misfit=lambda _: "it has no wheels.")
    monkeypatch.setitem(METHODS, "picky", entry)


def test_a_method_that_does_not_fit_a_model(root: Path, cell: Path, tmp_path: Path, picky: None) -> None:
    options = ["--out", tmp_path / "out", "--checkpoints", root, "--model", "second"]
    assert "Picky cannot explain this" in refused(run(cell, "--method", "picky", *options))
    result = run(cell, "--method", "all", *LEAST, *options, "--json")
    assert result.exit_code == 0 and "left out: Picky" in result.stderr
    found = json.loads(result.stdout)["models"][0]["explanations"]
    assert {item["method"] for item in found} == set(METHODS) - {"picky"}


def test_a_picture_of_32_pixels(root: Path, tmp_path: Path) -> None:
    Image.fromarray(draw_cell("neutrophil", 3, size=32).image).save(tmp_path / "small.png")
    options = ["--method", "all", *LEAST, "--model", "islam_cnn", "--class", "neutrophil", "--checkpoints", root]
    result = run(tmp_path / "small.png", *options, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["models"][0]["explanations"]) == len(METHODS)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_constant_image_gives_no_invented_evidence(root: Path, tmp_path: Path, shade: int) -> None:
    Image.fromarray(np.full((60, 90, 3), shade, dtype=np.uint8)).save(tmp_path / "even.png")
    options = ["--method", "all", *LEAST, "--model", "islam_cnn", "--class", "neutrophil", "--checkpoints", root]
    options += ["--set", "shap.background=blur"]  # beside simulated cells an even picture is evidence
    result = run(tmp_path / "even.png", *options, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout, parse_constant=lambda text: pytest.fail(f"{text} in the JSON"))
    for item in document["models"][0]["explanations"]:
        values = np.load(tmp_path / "out" / "islam_cnn" / f"{item['method']}.npz")["values"]
        assert np.isfinite(values).all()
        if METHODS[item["method"]].family != "cam":  # hiding or scaling an even picture changes nothing
            assert not values.any() and item["no_positive_evidence"] == ["neutrophil"], item["method"]
            drawn = np.asarray(Image.open(tmp_path / "out" / "islam_cnn" / f"{item['method']}-neutrophil.png"))
            assert np.array_equal(drawn, np.full_like(drawn, shade)), item["method"]


def test_masks_that_are_none(root: Path, cell: Path, tmp_path: Path) -> None:
    options = ["--out", tmp_path / "out", "--checkpoints", root, "--mask"]
    Image.new("L", (50, 40), 255).save(tmp_path / "size.png")
    assert "50x40 pixels and the image 120x120" in refused(run(cell, *options, tmp_path / "size.png"))
    (tmp_path / "text.png").write_text("no image")
    assert "text.png cannot be read as an image" in refused(run(cell, *options, tmp_path / "text.png"))
    assert "does not exist" in refused(run(cell, *options, tmp_path / "nowhere.png"))
    Image.new("L", (120, 120), 0).save(tmp_path / "empty.png")
    assert "marks no pixel" in refused(run(cell, *options, tmp_path / "empty.png"))
    Image.new("L", (120, 120), 255).save(tmp_path / "full.png")
    assert "marks every pixel" in refused(run(cell, *options, tmp_path / "full.png"))
    shades = np.tile(np.arange(120, dtype=np.uint8) * 2, (120, 1))
    Image.fromarray(shades).save(tmp_path / "photo.png")
    assert "many shades of grey" in refused(run(cell, *options, tmp_path / "photo.png"))
    corner = np.zeros((120, 120), dtype=np.uint8)
    corner[0, 0] = 255
    Image.fromarray(corner).save(tmp_path / "corner.png")
    assert "Nothing of the mask" in refused(run(cell, *options, tmp_path / "corner.png"))
    assert not (tmp_path / "out").exists()


def never(*args: object) -> None:
    raise AssertionError("the work began")


@pytest.mark.parametrize("out", ["file", "file/below", "file/below.zip", "folder.zip"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    root: Path, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.zip").mkdir()
    monkeypatch.setattr(command, "carried_out", never)
    assert "Cannot write" in refused(run(cell, "--out", tmp_path / out, "--checkpoints", root))
    assert (tmp_path / "file").read_text() == "in the way"


def test_folders_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(InputError), writable(tmp_path / "a" / "b"):
        raise InputError("the work failed")
    assert not (tmp_path / "a").exists()
    with writable(tmp_path / "a" / "b"):
        (tmp_path / "a" / "kept").write_text("")
    assert (tmp_path / "a" / "kept").exists() and not (tmp_path / "a" / "b").exists()


class Faulty(nn.Module):
    """Answers one picture, and what is not a number to every other."""

    def __init__(self, inner: nn.Module, known: Tensor) -> None:
        super().__init__()
        self.inner, self.known = inner, known

    def forward(self, pictures: Tensor) -> Tensor:
        strange = ((pictures - self.known).abs().amax(dim=(1, 2, 3)) > 1e-3)[:, None]
        return torch.where(strange, torch.nan, self.inner(pictures))


@pytest.fixture
def faulty(root: Path, cell: Path) -> Classifier:
    """A classifier whose answer to the whole picture is sound, and to hidden ones is not."""
    classifier = load_classifier(root / "islam_cnn")
    view = np.asarray(Image.open(cell))
    from core.preprocessing.framing import frame_image

    known = classifier.tensor([frame_image(view, "cell").rgb])
    copies: dict[str, Any] = {"float32": Faulty(classifier.inference_copy("float32"), known)}
    return Classifier("faulty", classifier.card, classifier.network, "0" * 64, None, copies)


MASKING = [name for name, kind in METHODS.items() if kind.family == "masks"]


@pytest.mark.skipif(not MASKING, reason="no such method")
def test_outputs_that_are_no_numbers_are_told_and_cost_the_others_nothing(
    root: Path, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faulty: Classifier
) -> None:
    sound = load_classifier(root / "second")
    monkeypatch.setattr(command, "load_all", lambda names, root, device: [faulty, sound])
    methods = [option for name in ("gradcam", *MASKING) for option in ("--method", name)]
    budgets = [option for option in LEAST if option.removeprefix("--set=").partition(".")[0] in MASKING]
    result = run(cell, *methods, *budgets, "--class", "neutrophil", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    document = json.loads(result.stdout)
    found = {entry["model"]: [item["method"] for item in entry["explanations"]] for entry in document["models"]}
    assert found == {"faulty": ["gradcam"], "second": ["gradcam", *MASKING]}
    assert [fault["what"] for fault in document["faults"]] == MASKING and not document["complete"]
    assert all("not finite" in fault["message"] for fault in document["faults"])
    assert not list((tmp_path / "out" / "faulty").glob(f"{MASKING[0]}*"))
    alone = ["--method", MASKING[0], *[option for option in budgets if MASKING[0] + "." in option]]
    monkeypatch.setattr(command, "load_all", lambda names, root, device: [faulty])
    assert "not finite" in refused(run(cell, *alone, "--out", tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_weights_that_are_no_numbers_are_refused_when_loaded(cell: Path, tmp_path: Path) -> None:
    make_model(tmp_path, "broken")
    classifier = load_classifier(tmp_path / "broken")
    with torch.no_grad():
        next(classifier.network.parameters())[0] = torch.nan
    save_classifier(tmp_path / "broken", read_card(tmp_path / "broken" / "card.json"), classifier.network)
    options = ["--model", "broken", "--checkpoints", tmp_path, "--out", tmp_path / "out"]
    assert "not finite" in refused(run(cell, *options))


def test_the_interpreter_itself_ends_with_2(root: Path, cell: Path, tmp_path: Path) -> None:
    import subprocess

    arguments = ["explain", cell, "--method", "saliency", "--out", tmp_path / "out", "--json"]
    result = subprocess.run(
        [sys.executable, "-m", "core", *map(str, arguments)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2 and result.stdout == "" and "Traceback" not in result.stderr
