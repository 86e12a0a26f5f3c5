"""The Preprocess page: every stage, parameters that follow their controls, and what becomes of them elsewhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from core.models.registry import SHIPPED
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.parameters import PRESETS, CellParameters
from core.preprocessing.pipeline import STAGES, crop_cell
from dashboard.images import gallery_subjects
from dashboard.url import parameters_from_text
from tests.support.reading import Start, alerts, assert_sound, go, html, query, sentence

WIDE = "mode~manual*lower~1-1-1*upper~200-140-254*minimum_solidity~0.2"


def test_every_stage_is_shown(start: Start) -> None:
    app = start("preprocess")
    assert_sound(app)
    for name in STAGES:
        assert f" {name}</strong>" in html(app)
    assert len(app.table[0].value) == len(SHIPPED)


def test_controls_follow_the_link_and_the_pictures_follow_the_controls(start: Start) -> None:
    app = start("preprocess", image="cell-2", cell="lower~10-20-30*upper~180-170-245")
    assert app.slider(key="choice-cell-green").value == (20, 170)
    app.slider(key="choice-cell-green").set_value((25, 160)).run()
    assert_sound(app)
    wanted = parameters_from_text(query(app)["cell"])
    assert (wanted.lower, wanted.upper, wanted.mode) == ((10, 25, 30), (180, 160, 245), "manual")
    found = crop_cell(gallery_subjects()["cell-2"].rgb, wanted).found
    assert sentence(app).startswith(("Cell found", "Nucleus found")) == found


def test_every_parameter_has_a_control(start: Start) -> None:
    app = start("preprocess")
    keys = {widget.key for kind in (app.slider, app.selectbox, app.color_picker, app.toggle) for widget in kind}
    expected = {f"choice-cell-{name}" for name in CellParameters.model_fields} - {
        "choice-cell-lower",
        "choice-cell-upper",
    }
    assert expected | {"choice-cell-red", "choice-cell-green", "choice-cell-blue"} <= keys


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_sets_the_controls(start: Start, name: str) -> None:
    app = start("preprocess")
    app.selectbox(key="choice-cell-mode").set_value(name).run()
    assert_sound(app)
    bounds = PRESETS[name].parameters
    assert app.slider(key="choice-cell-red").value == (bounds.lower[0], bounds.upper[0])
    assert query(app)["cell"] == f"mode~{name}"


def test_parameters_survive_a_switch_of_pages(start: Start) -> None:
    app = start("preprocess", cell=WIDE)
    for page in ("explain", "compare", "preprocess"):
        app = go(app, page)
        assert_sound(app)
        assert query(app)["cell"] == WIDE.removeprefix("mode~manual*")
    assert app.slider(key="choice-cell-red").value == (1, 200)


def test_no_cell_found_is_a_visible_state(start: Start) -> None:
    app = start("preprocess", cell="lower~0-0-0*upper~1-1-1")
    assert_sound(app)
    assert "No cell found: using the whole frame" in alerts(app)
    assert "the whole frame<br>" in html(app)


def test_bounds_that_contradict_each_other_are_refused_and_nothing_is_lost(start: Start) -> None:
    app = start("preprocess", cell="mode~bccd")
    app.slider(key="choice-cell-minimum_area").set_value(95.0).run()
    assert_sound(app)
    assert "smallest area" in alerts(app)
    assert query(app)["cell"] == "mode~bccd"


def test_invalid_parameters_in_a_link_are_told(start: Start) -> None:
    app = start("preprocess", cell="lower~200-0-0*upper~100-255-255")
    assert_sound(app)
    assert "not valid" in alerts(app)


def test_a_saved_file_loads_and_a_wrong_one_is_refused(start: Start) -> None:
    app = start("preprocess")
    saved = CellParameters(lower=(7, 8, 9)).to_json().encode()
    app.file_uploader(key="parameter-file").set_value(("mine.json", saved, "application/json")).run()
    assert app.slider(key="choice-cell-blue").value[0] == 9
    app.file_uploader(key="parameter-file").set_value(("bad.json", b"{", "application/json")).run()
    assert_sound(app)
    assert "cannot be used" in alerts(app)
    assert app.slider(key="choice-cell-blue").value[0] == 9


def test_suggested_bounds_are_saved_as_manual_and_a_loaded_file_keeps_its_own(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[CellParameters] = []
    real = st.download_button

    def button(label: str, data: str, *rest: object, **more: object) -> bool:
        if label == "Save as JSON":
            saved.append(CellParameters.from_json(data))
        return real(label, data, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(st, "download_button", button)
    app = start("preprocess", image="cell-2")
    suggested = suggest_parameters(gallery_subjects()["cell-2"].rgb)
    assert saved[-1] == suggested.revised()
    other = suggested.revised(mode="automatic", lower=(7, 8, 9)).to_json().encode()
    app.file_uploader(key="parameter-file").set_value(("mine.json", other, "application/json")).run()
    assert app.slider(key="choice-cell-blue").value[0] == 9
    assert app.selectbox(key="choice-cell-mode").value == "manual"


def test_a_picture_without_a_cell_is_handled(start: Start) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((80, 120, 3), 230, dtype=np.uint8)).save(buffer, "BMP")
    app = start()
    app.file_uploader(key="intake-files-0").set_value(("empty.bmp", buffer.getvalue(), "image/bmp")).run()
    app = go(app, "preprocess")
    assert_sound(app)
    assert "No cell found" in alerts(app)


def test_bounds_that_hold_the_nucleus_alone_are_called_so(start: Start) -> None:
    app = start("preprocess", image="cell-1", cell="lower~0-0-60*upper~150-110-220")
    assert sentence(app).startswith("Nucleus found, without its cytoplasm")
    assert "the nucleus's outline" in html(app).replace("&#x27;", "'")
    assert sentence(start("preprocess", image="cell-1")).startswith("Cell found")


def test_cut_out_and_masked_are_explained_with_a_picture_of_each(start: Start) -> None:
    told = html(start("preprocess"))
    assert "Cut-out cell</strong>" in told and "Masked cell</strong>" in told
