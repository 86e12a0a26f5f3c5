"""A model from elsewhere on the pages: it answers beside the others, and only what fits it is offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.intake import NewCard, take_in
from tests.support.own_models import NAMES, onnx_folder
from tests.support.reading import Start, assert_sound, button, html, press, rerun_until, shown, titles
from tests.support.tiny_models import make_model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    root = folder / "models"
    make_model(root, "islam_cnn")
    take_in(onnx_folder(folder), root, "keras", NewCard(classes=NAMES, title="From Keras"))
    return root


def offered(app: object) -> set[str]:
    groups = [item for item in app.button_group if str(item.key).startswith("choice-methods-")]  # type: ignore[attr-defined]
    return {option for group in groups for option in group.options}


def test_it_answers_on_compare_and_classes_in_common_are_said(start: Start, models: Path) -> None:
    app = start("compare", root=models, image="cell-6", models="islam_cnn,keras")
    assert_sound(app)
    assert "From Keras" in titles(app)
    assert "Compared on the classes in common: lymphocyte, neutrophil." in html(app)


def test_alone_on_explain_it_has_the_methods_that_fit(start: Start, models: Path) -> None:
    app = start("explain", root=models, image="cell-6", models="keras", methods="occlusion")
    assert_sound(app)
    assert offered(app) == {"LIME", "Occlusion", "RISE", "Kernel SHAP", "SHAP (partition)"}
    told = shown(app).replace("\\", "")
    assert "From Keras: an ONNX file computes answers and no gradients, so that there is no Grad-CAM, no" in told
    assert "needs the gradients" not in told
    rerun_until(app, "finished")
    check = button(app, "Run the randomisation check")
    assert check.disabled and "the weights of an ONNX file stand in its program" in check.help
    press(app, "Score this map")
    assert_sound(app)


def test_the_usual_method_is_not_drawn_where_it_does_not_fit(start: Start, models: Path) -> None:
    app = start("explain", root=models, image="cell-6", models="keras")
    assert_sound(app)
    assert "No method is switched on" in shown(app)


def test_beside_another_model_its_row_says_why(start: Start, models: Path) -> None:
    app = start("explain", root=models, image="cell-6", models="islam_cnn,keras", methods="gradcam,occlusion")
    assert_sound(app)
    assert "Grad-CAM" in offered(app)
    said = shown(app).replace("\\", "")
    assert "Grad-CAM needs the gradients of From Keras: an ONNX file computes answers and no gradients." in said
    figure = start("explain", root=models, image="cell-6", models="islam_cnn,keras", methods="gradcam", layout="figure")
    assert_sound(figure)


def test_other_pages_take_it(start: Start, models: Path) -> None:
    for page in ("evaluate", "fit", "train", "audit"):
        app = start(page, root=models)
        assert not app.exception, page
