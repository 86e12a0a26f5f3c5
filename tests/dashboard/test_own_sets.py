"""Cells of the server's data sets among the uploads: which, to whom, and what a broken set comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.classes import CLASSES
from dashboard.own_sets import EACH, drawn_cells
from tests.support.datasets import cell

SCRIPT = """
from dashboard import state, uploads
from dashboard.own_sets import offer_own_sets
import streamlit as st
state.begin("compare")
offer_own_sets()
st.text(" ".join(sorted(upload.name for upload in uploads.store().files.values())))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEUKOLENS_DATA", str(tmp_path))
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    for number in range(4 * len(CLASSES)):
        label = CLASSES[number % len(CLASSES)]
        cell(tmp_path / "lisc" / label / f"{number}.png", number, label)
    return tmp_path


def test_some_cells_of_each_class_are_drawn_anew_each_time(data: Path) -> None:
    first, second = drawn_cells("lisc", 0), drawn_cells("lisc", 1)
    assert first["label"].value_counts().to_dict() == dict.fromkeys(CLASSES, EACH)
    assert set(first["path"]) != set(second["path"]) and list(drawn_cells("lisc", 0)["path"]) == list(first["path"])
    assert list(first["label"]) != sorted(first["label"])  # the order tells nothing


def test_they_come_as_uploads(data: Path) -> None:
    app = AppTest.from_string(SCRIPT, default_timeout=30).run()
    app = app.button(key="own-set-bring").click().run()
    assert not app.exception
    names = app.text[0].value.split()
    assert len(names) == EACH * len(CLASSES) and all(name.startswith("lisc/") for name in names)


def test_a_reader_from_elsewhere_is_offered_none(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKOLENS_TRAINING", "off")
    assert not AppTest.from_string(SCRIPT).run().button


def test_a_set_that_cannot_be_read_is_told(data: Path) -> None:
    app = AppTest.from_string(SCRIPT, default_timeout=30).run()
    for path in data.rglob("*.png"):
        path.unlink()
    app = app.button(key="own-set-bring").click().run()
    assert not app.exception and app.error and not app.text[0].value
