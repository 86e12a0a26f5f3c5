"""The Fit page: cells brought, labelled by hand, by folder or by file, a model fitted to them, kept and taken away."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.classes import CLASSES
from core.errors import InputError
from core.models.checkpoints import load_classifier
from core.runs.directory import RunDirectory
from core.training.launch import read_spec
from core.training.recipe import read_recipe
from dashboard import uploads
from dashboard.fit import page, refine, result
from dashboard.fit.labels import read_labels
from tests.support.datasets import cell
from tests.support.reading import Start, alerts, assert_sound, button, html, labels, png, press, shown
from tests.support.tiny_models import make_root

EACH = 5


@pytest.fixture
def fitting(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page with a made-up laboratory's cells, looked at by a small model."""
    monkeypatch.setattr(page, "DRAWN", EACH)
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    return looked_at(press(start("fit", root=make_root(tmp_path / "models")), "Try it with a made-up laboratory"))


def looked_at(app: AppTest) -> AppTest:
    for _ in range(40):
        if "Fit the model" in labels(app):
            return app
        app = app.run()
    raise AssertionError(shown(app))


def labelled(app: AppTest) -> AppTest:
    return press(app, f"Take {EACH * len(CLASSES)} labels from folder names")


def test_an_empty_page_says_what_to_bring(start: Start) -> None:
    app = start("fit")
    assert_sound(app)
    assert "Bring pictures of single cells" in alerts(app) and "python -m core fit" in alerts(app)
    assert "five to fifty of each class" in shown(app)


def test_a_label_is_given_taken_off_and_counted(fitting: AppTest) -> None:
    assert_sound(fitting)
    assert "**Picture 1**: not labelled yet. The model says" in shown(fitting)
    assert button(fitting, "Fit the model").disabled and "The labels are of no class" in shown(fitting)
    app = press(fitting, "monocyte")
    assert "**1 labels**" in shown(app) and "monocyte 1" in shown(app) and "**Picture 2**" in shown(app)
    app = press(app, "Back")
    assert "**Picture 1**: labelled monocyte" in shown(app)
    app = press(app, "Take the label off")
    assert "**0 labels**" in shown(app) and "**Picture 1**: not labelled yet" in shown(app)


def test_a_picture_without_a_cell_is_offered_no_class(start: Start, tmp_path: Path) -> None:
    app = start("fit", root=make_root(tmp_path / "models"))
    pictures = [("blank.png", png(), "image/png"), ("cell.png", cell(tmp_path / "c.png").read_bytes(), "image/png")]
    app = looked_at(app.file_uploader[0].set_value(pictures).run())
    assert_sound(app)
    assert "**Picture 2**: not labelled yet. The model says" in shown(app)
    app = press(app, "Back")
    assert "No cell was found in it: it takes no part" in shown(app) and "The model says" not in shown(app)
    assert button(app, "monocyte").disabled


def test_the_true_class_stands_nowhere_before_it_is_asked_for(fitting: AppTest) -> None:
    assert "made-up/" not in shown(fitting) + html(fitting)


def test_a_model_is_fitted_kept_and_found_on_all_pages(fitting: AppTest, tmp_path: Path) -> None:
    app = press(labelled(fitting), "Fit the model")
    assert_sound(app)
    told = alerts(app) + "\n".join(one.value for one in app.success)
    assert "Gain:" in told and "95 % interval" in told and "5-fold cross-validation" in shown(app)
    if "Take the fitted model all the same" in [box.label for box in app.checkbox]:
        app = next(box for box in app.checkbox if "all the same" in box.label).check().run()
    app = next(field for field in app.text_input if field.label == "Called after").set_value("Ward 7").run()
    app = press(app, "Keep it beside the models")
    assert_sound(app)
    card = load_classifier(tmp_path / "models" / "mobilenet_v3_small-ward-7").card
    assert card.fitted is not None and card.fitted.labelled == dict.fromkeys(CLASSES, EACH)
    assert "mobilenet\\_v3\\_small-ward-7" in shown(app)


def test_another_label_makes_the_result_an_old_one(fitting: AppTest) -> None:
    app = press(labelled(fitting), "Fit the model")
    assert "labels have changed" not in shown(app)
    app = press(app, "monocyte")
    assert "labels have changed since this fit" in shown(app) and "5-fold cross-validation" in shown(app)


def test_the_model_comes_as_a_zip_that_loads(fitting: AppTest, tmp_path: Path) -> None:
    app = press(labelled(fitting), "Fit the model")
    fitted = app.session_state[page.FITTED]
    with zipfile.ZipFile(io.BytesIO(result.model_zip(fitted, "../Ward 7"))) as archive:
        archive.extractall(tmp_path / "taken")
    folder = next((tmp_path / "taken").iterdir())
    assert load_classifier(folder).card.title.endswith("fitted to ../Ward 7") and folder.name.endswith("ward-7")


def test_fine_tuning_trains_on_the_labelled_pictures(
    fitting: AppTest, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.launch._spawn", lambda run, spec, resume: None)
    app = press(labelled(fitting), "Start it")
    assert_sound(app)
    run = RunDirectory(runs / "leukolens-fit-mobilenet_v3_small")
    assert {path.name for path in Path(read_spec(run.path).data).iterdir()} == set(CLASSES)
    assert len(list((runs / refine.LABELLED).rglob("*.png"))) == EACH * len(CLASSES)
    recipe = read_recipe(str(run.path / "order.toml"))
    assert recipe.architecture == "islam_cnn" and Path(recipe.weights).name == "mobilenet_v3_small"


def test_a_reader_from_elsewhere_starts_and_writes_nothing(fitting: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKOLENS_TRAINING", "off")
    app = press(labelled(fitting), "Fit the model")
    assert "Keep it beside the models" not in labels(app) and "Start it" not in labels(app)


def test_labels_are_read_back_by_the_pictures_digest() -> None:
    digest = uploads.digest_of(b"x")
    text = f"picture,sha256,label\nPicture 1,{digest.upper()},NEU\n"
    assert read_labels(text.encode(), CLASSES) == {digest: "neutrophil"}


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "no CSV"),
        (b"\xff\xfe\x00", "no CSV|needs the columns"),
        (b"a,b\n1,2\n", "needs the columns sha256 and label"),
        (b"sha256,label\nabc,blast\n", "names the class 'blast'"),
        (b"sha256,label\n" + b"x" * 300_000, "over 200 kB"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_labels(data, CLASSES)


def test_forgetting_the_pictures_forgets_their_labels() -> None:
    held = uploads.UploadStore()
    held.labels["upload-1"] = "monocyte"
    held.forget()
    assert json.dumps(held.labels) == "{}"
