"""`from core import load, predict, explain, preprocess`: each against what it stands for, worked out another way."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core import explain, load, predict, preprocess
from core.errors import InputError
from core.explanation.contrast import contrasted
from core.library.functions import UNFAMILIAR
from core.library.results import CellExplanation
from core.models.checkpoints import save_classifier
from core.models.classifier import Classifier
from core.models.novelty import fit_feature_space
from core.simulation import draw_cell
from tests.support.tiny_models import NEVER_FAMILIAR, make_model

ROOT = Path(__file__).parents[3]
CELL = draw_cell("monocyte", 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    make_model(root, "tiny", 3)
    return root


@pytest.fixture(scope="module")
def model(folder: Path) -> Classifier:
    """Random weights, scaled up so that the answers depend on the picture."""
    found = load("tiny", checkpoints=folder, device="cpu")
    with torch.no_grad():
        for layer in found.network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.mul_(1.7)
    return found


def test_importing_core_loads_neither_numpy_nor_torch_until_a_function_is_asked_for() -> None:
    script = "import sys, core; print([name for name in ('numpy', 'torch', 'core.library') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_core_has_no_other_names() -> None:
    import core

    with pytest.raises(AttributeError, match="no attribute 'train'"):
        core.train  # noqa: B018


def test_a_prediction_is_the_softmax_of_the_network_on_what_is_seen(model: Classifier) -> None:
    answer = predict(model, CELL.image, framing="frame")
    side = model.card.input_size
    # The frame is square: shrunk by area averaging, each channel to its own mean and deviation.
    image = np.asarray(Image.fromarray(CELL.image).resize((side, side), Image.Resampling.BOX), np.float64) / 255
    inputs = (image - image.mean(axis=(0, 1))) / (image.std(axis=(0, 1), ddof=1) + 0.05)
    with torch.no_grad():
        logits = model.network(torch.from_numpy(inputs.transpose(2, 0, 1)[None]).float())[0].double().numpy()
    shares = np.exp(logits / model.card.temperature)
    np.testing.assert_allclose(answer.to_numpy(), shares / shares.sum(), atol=0.02)
    assert answer.classes[int(shares.argmax())] == answer.predicted and answer.seen.box == (0, 0, 224, 224)


def test_a_path_its_bytes_and_its_pixels_are_one_picture(model: Classifier, tmp_path: Path) -> None:
    Image.fromarray(CELL.image).save(tmp_path / "cell.png")
    ways = [tmp_path / "cell.png", str(tmp_path / "cell.png"), (tmp_path / "cell.png").read_bytes(), CELL.image]
    answers = predict(model, ways)
    assert len({answer.logits.tobytes() for answer in answers}) == 1 and predict(model, []) == []
    buffer = io.BytesIO()
    Image.fromarray(CELL.image[..., 0]).save(buffer, "PNG")
    assert "grey" in predict(model, buffer.getvalue()).notes[0]


def test_what_makes_an_answer_worth_little_is_told_with_it(model: Classifier, folder: Path) -> None:
    empty = predict(model, np.zeros((64, 64, 3), np.uint8))
    assert not empty.seen.found and "No cell found" in repr(empty) and "No cell found" in empty._repr_html_()
    assert "No cell found" in empty.to_plotly().layout.title.text
    assert "No cell found" in explain(model, np.zeros((64, 64, 3), np.uint8))._repr_html_()
    assert predict(model, CELL.image).doubts == ()
    assert "Trained on the cut-out cell, shown the whole frame" in repr(predict(model, CELL.image, framing="frame"))
    space = fit_feature_space(torch.randn(400, 256).abs(), torch.arange(400) % 5)
    save_classifier(folder / "strange", model.card.model_copy(update={"novelty": NEVER_FAMILIAR}), model.network, space)
    assert predict(load(folder / "strange", device="cpu"), CELL.image).doubts == (UNFAMILIAR,)


def test_shap_values_and_base_add_up_to_the_logits_and_shap_draws_them(model: Classifier) -> None:
    shap = pytest.importorskip("shap")
    pytest.importorskip("matplotlib").use("agg")
    maps = explain(model, CELL.image, "shap-kernel", ["monocyte", "basophil"], samples=300, regions=8)
    found = maps.to_shap()
    side = model.card.input_size
    assert found.values.shape == (1, side, side, 1, 2) and found.data.shape == (1, side, side, 3)
    logits = dict(zip(maps.prediction.classes, maps.prediction.logits, strict=True))
    wanted = [logits["monocyte"], logits["basophil"]]
    np.testing.assert_allclose(found.base_values[0] + found.values.sum(axis=(0, 1, 2, 3)), wanted, atol=1e-3)
    assert np.ptp(found.values) > 0.01 * np.abs(wanted).max() / side**2
    shap.plots.image(found, show=False)
    difference = contrasted(maps, "basophil")
    assert isinstance(difference, CellExplanation) and "monocyte against basophil" in repr(difference)
    less = difference.to_shap()
    total = less.base_values[0] + less.values.sum(axis=(0, 1, 2, 3))
    np.testing.assert_allclose(total, logits["monocyte"] - logits["basophil"], atol=1e-3)


def test_maps_that_share_nothing_out_have_no_base(model: Classifier) -> None:
    pytest.importorskip("shap")
    maps = explain(model, CELL.image, classes="monocyte")
    assert maps.to_shap().base_values is None
    np.testing.assert_array_equal(maps.to_shap().values[0, :, :, 0, 0], maps.to_numpy()[0])


def test_a_figure_holds_the_raw_values_on_one_scale(model: Classifier) -> None:
    maps = explain(model, CELL.image, "occlusion", ["monocyte", "basophil"])
    figure = maps.to_plotly()
    heat = [trace for trace in figure.data if trace.type == "heatmap"]
    for trace, values in zip(heat, maps.values, strict=True):
        np.testing.assert_array_equal(np.asarray(trace.z), values)
    assert {(trace.zmin, trace.zmax) for trace in heat} == {(-heat[0].zmax, heat[0].zmax)}
    assert [one.text for one in figure.layout.annotations] == ["seen by the model", "monocyte", "basophil"]
    assert [trace.showscale for trace in heat] == [True, False]
    with pytest.raises(InputError, match="no map of the class 'neutrophil'"):
        maps.to_plotly(["neutrophil"])
    with pytest.raises(InputError, match="from 0 to 1"):
        maps.to_plotly(opacity=2)


def test_a_map_without_evidence_is_said_to_have_none(model: Classifier) -> None:
    maps = explain(model, np.full((64, 64, 3), 120, np.uint8), "occlusion", "monocyte")
    assert not maps.values.any()
    figure = maps.to_plotly()
    assert [trace.type for trace in figure.data] == ["image", "image"]
    assert figure.layout.annotations[1].text == "monocyte: no evidence"


def test_the_work_is_watched_and_can_be_ended(model: Classifier) -> None:
    steps: list[tuple[int, int]] = []
    explain(model, CELL.image, "rise", watch=lambda done, budget: steps.append((done, budget)), samples=100)
    assert steps[-1] == (100, 100)

    def stop(done: int, budget: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain(model, CELL.image, "rise", watch=stop)


def test_the_cell_that_is_cut_out_is_the_one_that_was_drawn() -> None:
    cut = preprocess(CELL.image, "automatic")
    drawn = CELL.nucleus | CELL.cytoplasm
    assert (cut.mask & drawn).sum() / (cut.mask | drawn).sum() > 0.8
    assert cut.to_numpy().shape == (120, 120, 3) and repr(cut).startswith("A cell of ")
    pictures = [trace for trace in cut.to_plotly().data if trace.type == "image"]
    assert len(pictures) == len(cut.stages)
    text, _, source = cut._repr_html_().partition('<img src="data:image/png;base64,')
    assert repr(cut) in text  # a notebook shows the richest kind alone: the sentence must stand beside the picture
    with Image.open(io.BytesIO(base64.b64decode(source.partition('"')[0]))) as shown:
        assert shown.size == (120 * len(cut.stages), 120)


def test_single_parameters_can_be_changed() -> None:
    cut = preprocess(CELL.image, "pbc", padding=7)
    assert cut.parameters.padding == 7 and cut.parameters.mode == "manual"
    assert cut.stages["padded"].shape[0] == CELL.image.shape[0] + 14
    none = preprocess(np.full((64, 64, 3), 250, np.uint8))
    assert not none.found and repr(none).startswith("No cell found: ")


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (np.zeros((64, 64), np.uint8), "not uint8 \\(64, 64\\)"),
        (np.zeros((64, 64, 4), np.uint8), "not uint8"),
        (np.zeros((64, 64, 3), np.float32), "not float32"),
        (np.zeros((0, 0, 3), np.uint8), "too small"),
        (np.zeros((2, 9000, 3), np.uint8), "a strip"),
        (Image.new("L", (64, 64)), "not Image"),
        (None, "not NoneType"),
        (b"", "is empty"),
        (b"\x80\x04pickle", "cannot be read as an image"),
        ("no-such-file.png", "does not exist"),
        (str(ROOT), "is a folder"),
    ],
    ids=range(11),
)
def test_what_is_no_picture_is_refused(model: Classifier, picture: object, told: str) -> None:
    for function in (predict, explain):
        with pytest.raises(InputError, match=told):
            function(model, picture)  # type: ignore[operator]
    with pytest.raises(InputError, match=told):
        preprocess(picture)  # type: ignore[arg-type]


def test_wrong_names_are_refused_with_the_right_ones(model: Classifier, folder: Path) -> None:
    for call, told in (
        (lambda: load("none", checkpoints=folder), "Available: "),
        (lambda: load("tiny", checkpoints=folder, device="tpu"), "No device 'tpu'"),
        (lambda: predict("tiny", CELL.image), "load\\("),  # type: ignore[call-overload]
        (lambda: predict(model, CELL.image, framing="all"), "No framing 'all'"),
        (lambda: explain(model, CELL.image, "magic"), "No explanation method 'magic'"),
        (lambda: explain(model, CELL.image, classes="blast"), "no class 'blast'"),
        (lambda: explain(model, CELL.image, "rise", samples=-1), "samples must be a whole number from"),
        (lambda: explain(model, CELL.image, precision="int8"), "No precision 'int8'"),
        (lambda: preprocess(CELL.image, "giemsa"), "No preset 'giemsa'"),
        (lambda: preprocess(CELL.image, padding=-1), "padding must be"),
    ):
        with pytest.raises(InputError, match=told):
            call()


def test_without_shap_it_is_said_what_is_missing(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match="pip install shap"):
        explain(model, CELL.image, classes="monocyte").to_shap()
