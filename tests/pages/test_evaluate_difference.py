"""Evaluate's difference of two models: chosen, looked behind, and one of its images opened."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.answers import made_up, write_answers
from tests.support.evaluated_models import make_answered, make_images
from tests.support.reading import Start, assert_sound, html, query, shown


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models that answered the same images."""
    monkeypatch.setenv("LEUKOLENS_TRAINING", "on")
    monkeypatch.setenv("LEUKOLENS_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("LEUKOLENS_DATA", raising=False)
    make_answered(tmp_path / "models", "vgg19", 0)
    folder = make_answered(tmp_path / "models", "islam_cnn", 1)
    answers = made_up(300, skill=2.5, seed=0)
    logits = np.random.default_rng(9).normal(size=(300, 5)) + 2.5 * np.eye(5)[answers.labels]
    write_answers(folder, replace(answers, logits=logits, predicted=logits.argmax(axis=1)))
    make_images(tmp_path / "data")
    return tmp_path


def test_images_that_one_alone_calls_so_are_shown_and_opened(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered / "models", models="vgg19,islam_cnn", tab="mistakes")
    assert_sound(app)
    assert "On 300 images that both answered" in shown(app).replace("\\", "")
    app.selectbox(key="differ-true").set_value("monocyte").run()
    app.selectbox(key="differ-named").set_value("basophil").run()
    app.text_input(key="evaluation-folder-differ").set_value(str(answered / "data")).run()
    assert_sound(app)
    told = [words for words in re.findall(r'll-file">(.*?)</p>', html(app)) if "truly monocyte" in words]
    assert told and all("VGG-19: " in words and "basophil" in words for words in told)
    count = int(re.findall(r"On (\d+) images? one of the two alone says basophil", html(app))[0])
    assert count == len(told)
    app.button(key="explain-differ-0").click().run()
    assert_sound(app)
    assert query(app)["image"].startswith("upload-")


def test_one_model_alone_has_nothing_to_differ_from(start: Start, answered: Path) -> None:
    app = start("evaluate", root=answered / "models", models="vgg19", tab="mistakes")
    assert_sound(app)
    assert "Switch on a second model" in shown(app)
    assert not [one for one in app.selectbox if one.key == "differ-true"]
