"""The Lessons page: every step of every shipped lesson is walked, questions answer, and other people's lessons load."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from core.lessons import reader
from core.lessons.reader import SHIPPED_LESSONS, lesson_files, read_lesson_file
from dashboard.lessons.library import UPLOAD, with_states
from dashboard.live import PARTS
from tests.support.reading import Start, alerts, assert_sound, button, html, labels, press, query, shown

LESSONS = lesson_files(SHIPPED_LESSONS)
OWN = b"""+++
title = "My *own* lesson"
minutes = 5
[[steps]]
show = "cell"
state = { image = "cell-4" }
[[steps]]
show = "answers"
state = { models = "vgg19,gone_model" }
+++
## First
Look at [this](https://host.example/page).
## Second
And **this**.
"""


def test_the_names_of_live_parts_are_those_that_there_are() -> None:
    assert set(get_args(reader.Part)) == set(PARTS)


def test_the_list_names_every_shipped_lesson(start: Start) -> None:
    app = start("lessons")
    assert_sound(app)
    for path in LESSONS.values():
        lesson = read_lesson_file(path)
        assert lesson.title in [label.replace("\\", "") for label in labels(app)]
        assert f"{len(lesson.steps)} steps, about {lesson.minutes} minutes" in shown(app)


@pytest.mark.parametrize("name", LESSONS)
def test_every_step_shows_its_live_part_and_every_answer_is_told(start: Start, name: str) -> None:
    lesson = with_states(read_lesson_file(LESSONS[name]))
    app = start("lessons", lesson=name)
    for number, step in enumerate(lesson.steps, start=1):
        assert_sound(app)
        assert f"step {number} of {len(lesson.steps)}" in html(app) and step.title in unescape(html(app))
        assert ("Set this step up again" in labels(app)) == (step.head.show != "none")
        assert not any("not here" in item.value for item in app.warning)
        for text in step.head.state.values():
            assert text == text.strip()
        if number < len(lesson.steps):
            app = press(app, "Next")
    assert step.head.question is not None
    for place, answer in enumerate(step.head.question.answers):
        app.radio[0].set_value(place).run()
        assert ("✓ right" in html(app)) == answer.right and answer.why in unescape(html(app))
    assert button(app, "Next").disabled


def test_a_step_sets_the_page_up_and_what_is_changed_stays_until_it_is_set_up_again(start: Start) -> None:
    app = start("lessons", lesson="02-what-a-network-sees", step="3")
    assert query(app)["models"] == "mobilenet_v3_small" and query(app)["lesson"] == "02-what-a-network-sees"
    before = app.slider(key="choice-cell-green").value
    app.slider(key="choice-cell-green").set_value((before[0], before[1] - 30)).run()
    assert_sound(app)
    assert "cell" in query(app)
    app = press(app, "Set this step up again")
    assert "cell" not in query(app) and app.slider(key="choice-cell-green").value == before
    app = press(app, "Next")
    assert query(app)["cell"] == "mode~bccd"


def test_a_lesson_that_is_not_there_and_a_step_too_far(start: Start) -> None:
    app = start("lessons", lesson="gone")
    assert_sound(app)
    assert "There is no lesson “gone” here" in alerts(app)
    app = start("lessons", lesson="08-copies", step="30")
    assert_sound(app)
    assert "step 3 of 3" in html(app)


def brought(app: AppTest, data: bytes) -> AppTest:
    return app.file_uploader(key=UPLOAD).set_value(("mine.md", data, "text/markdown")).run()


def test_a_lesson_is_brought_and_a_missing_model_is_a_sentence(start: Start) -> None:
    app = brought(start("lessons"), OWN)
    assert_sound(app)
    app = app.button(key="lesson-brought").click().run()
    assert_sound(app)
    assert query(app)["image"] == "cell-4"
    assert "`https://host.example/page`" in shown(app) and "](https" not in shown(app)
    app = press(app, "Next")
    assert_sound(app)
    assert "“gone_model”, which is not here" in alerts(app).replace("\\", "") and "And **this**." in shown(app)
    assert "image" not in query(app), "a step rests on no other"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'image = "cell-4"', b'image = "cell-44"', "cell-1 to cell-10"),
        (b'image = "cell-4"', b'image = "upload-0123456789abcdef"', "cell-1 to cell-10"),
        (b'image = "cell-4"', b'methods = "magic"', "Step 1"),
        (b'image = "cell-4"', b'projector = "on"', "projector"),
        (b'image = "cell-4"', b'unheard = "x"', "unheard"),
        (b"minutes = 5", b"minutes = 5\nauthor = 1", "author"),
        (b"And **this**", b"<iframe src=x>", "raw HTML"),
    ],
)
def test_a_lesson_that_cannot_be_used_is_refused_and_the_list_stays(
    start: Start, old: bytes, new: bytes, told: str
) -> None:
    assert old in OWN
    app = brought(start("lessons"), OWN.replace(old, new))
    assert_sound(app)
    assert told in alerts(app).replace("\\", "")
    assert not any(item.key == "lesson-brought" for item in app.button)


def test_a_folder_of_lessons_stands_in_the_list_and_a_faulty_file_is_told(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.md").write_bytes(OWN)
    (tmp_path / "bad.md").write_bytes(b"nothing")
    monkeypatch.setenv("LEUKOLENS_LESSONS", str(tmp_path))
    app = start("lessons")
    assert_sound(app)
    assert "bad.md: A lesson begins" in alerts(app).replace("\\", "")
    app = app.button(key="lesson-own.mine").click().run()
    assert_sound(app)
    assert "step 1 of 2" in html(app) and str(tmp_path) not in shown(app)
    monkeypatch.setenv("LEUKOLENS_LESSONS", str(tmp_path / "gone"))
    assert "LEUKOLENS_LESSONS" in alerts(start("lessons")).replace("\\", "")
