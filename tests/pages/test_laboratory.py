"""The Laboratory page: a drawn cell under control, experiments on it, and the chosen picture changed by mask."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.laboratory.effects import effects_of
from core.laboratory.interventions import INTERVENTIONS, change_within, estimated_parts, intervene
from core.models.checkpoints import load_classifier
from core.preprocessing.framing import frame_image
from core.simulation import design_of, draw
from dashboard.images import gallery_subjects
from dashboard.laboratory import dose
from dashboard.laboratory.changes import signed_points
from dashboard.ui.format import percent
from tests.support.reading import Start, alerts, assert_sound, html, press, query, shown
from tests.support.tiny_models import make_model


@pytest.fixture
def models(tmp_path: Path) -> Path:
    make_model(tmp_path / "models", "islam_cnn", 3)
    return tmp_path / "models"


def opened(start: Start, models: Path, **query: str) -> AppTest:
    app = start("laboratory", root=models, models="islam_cnn", **query)
    assert_sound(app)
    return app


def cells_of(app: AppTest, model: str) -> list[list[str]]:
    """The cells of each of a model's rows, in the order of the tables."""
    rows = re.findall(rf'<tr><th scope="row">{model}</th>(.*?)</tr>', html(app))
    return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row)] for row in rows]


def test_the_answer_and_the_effects_are_the_engines_own(start: Start, models: Path) -> None:
    app = opened(start, models, drawn="label~eosinophil*filling~0.5", drawing="3")
    classifier, design = load_classifier(models / "islam_cnn"), design_of("eosinophil").revised(filling=0.5)
    cell = draw(design, 3)
    before = cell.image
    said = classifier.predict([frame_image(before, "cell").rgb])[0]
    answer, effects = cells_of(app, "Custom CNN")
    assert answer[:2] == [said.predicted, percent(said.confidence).replace("\u00a0", " ")]
    names = app.multiselect(key="laboratory-interventions").value
    wanted = effects_of(classifier, before, {name: intervene(design, cell, name) for name in names})
    at = wanted[0].classes.index("eosinophil")
    assert [cell.partition(":")[0] for cell in effects[1:]] == [
        signed_points(100 * float(one.difference[at])) for one in wanted
    ]
    assert all(INTERVENTIONS[name].title in html(app) for name in names)


def test_controls_change_the_cell_and_the_address_and_go_back(start: Start, models: Path) -> None:
    app = opened(start, models)
    app = app.slider(key="choice-drawn-granules").set_value(0.0).run()
    app = app.selectbox(key="choice-drawn-stain").set_value("grey").run()
    app = press(app, "Another cell")
    assert_sound(app)
    assert query(app)["drawn"] == "granules~0.0*stain~grey" and query(app)["drawing"] == "1"
    assert "Drawn neutrophil, number 1" in html(app)
    app = press(app, "As drawn")
    assert_sound(app)
    assert "drawn" not in query(app) and app.slider(key="choice-drawn-granules").value == 1.0


@pytest.mark.parametrize(
    ("query", "told"),
    [({"drawn": "granules~9.0"}, "granules must be a number from 0 to 2"), ({"drawn": "x" * 900}, "too long")],
)
def test_an_address_that_makes_no_sense_is_told(start: Start, models: Path, query: dict[str, str], told: str) -> None:
    app = opened(start, models, **query)
    assert told in alerts(app) and "Drawn neutrophil, number 0" in html(app)


def test_a_dose_is_measured_drawing_by_drawing_and_can_be_cancelled(
    start: Start, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dose, "DOSE_DRAWS", 2)
    app = opened(start, models)
    app.session_state["laboratory-experiment"] = "Dose and answer"
    app = app.run()
    app = press(app, "Measure")
    assert_sound(app)
    assert len(app.session_state[dose.MEASURED][1]) == 1
    app = app.run()
    assert len(app.session_state[dose.MEASURED][1]) == 2
    app = press(app, "Cancel")
    assert app.session_state[dose.RUNNING] is None and len(app.session_state[dose.MEASURED][1]) == 2
    app = press(app, "Measure")
    for _ in range(3):
        app = app.run()
    assert_sound(app)
    assert len(app.session_state[dose.MEASURED][1]) == 3 and app.session_state[dose.RUNNING] is None
    assert "of 2 other drawings" in shown(app)


def test_a_factor_that_is_no_longer_there_gives_way(start: Start, models: Path) -> None:
    app = opened(start, models, drawn="other~monocyte")
    app.session_state["laboratory-experiment"] = "Dose and answer"
    app = app.run()
    app = app.selectbox(key="dose-factor").set_value("share").run()
    app = press(app, "As drawn")
    assert_sound(app)
    assert app.selectbox(key="dose-factor").value == "granules"


def test_maps_stand_beside_measured_causes(start: Start, models: Path) -> None:
    app = opened(start, models)
    app.session_state["laboratory-experiment"] = "Maps and causes"
    app = app.run()
    assert_sound(app)
    assert "Nucleus taken out" in html(app) and "rank correlation with the effects" in html(app)
    assert "Grad-CAM, share" in html(app) and "a random map, share" in html(app)


def test_the_chosen_picture_is_changed_by_mask(start: Start, models: Path) -> None:
    app = opened(start, models, image="cell-2")
    app.session_state["laboratory-kind"] = "The chosen picture"
    app = app.run()
    assert_sound(app)
    rgb = gallery_subjects.__wrapped__()["cell-2"].rgb  # past the cache, which needs a server
    classifier, parts = load_classifier(models / "islam_cnn"), estimated_parts(rgb)
    changed = {place: change_within(rgb, parts, place, "paint") for place in ("nucleus", "cytoplasm", "background")}
    wanted = effects_of(classifier, rgb, changed)
    at = int(np.argmax(wanted[0].before))
    effects = cells_of(app, "Custom CNN")[1]
    assert [cell.partition(":")[0] for cell in effects[1:]] == [
        signed_points(100 * float(one.difference[at])) for one in wanted
    ]


def test_with_guess_first_the_chosen_picture_keeps_its_answers(start: Start, models: Path) -> None:
    app = opened(start, models, image="cell-2", guess="on")
    app.session_state["laboratory-kind"] = "The chosen picture"
    app = app.run()
    assert_sound(app)
    assert not cells_of(app, "Custom CNN")


def test_without_models_the_cell_is_still_drawn(start: Start, models: Path) -> None:
    app = start("laboratory", root=models, models="none")
    assert_sound(app)
    assert "No model is switched on" in alerts(app) and "Drawn neutrophil" in html(app)
