"""Lessons' files: what is right is read as it stands, what is not is refused in a sentence that says what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import InputError
from core.lessons.reader import LARGEST_LESSON, SHIPPED_LESSONS, lesson_files, read_lesson, read_lesson_file

HEAD = """title = "A lesson"
minutes = 5
[[steps]]
show = "answers"
state = { image = "cell-3" }
[steps.question]
ask = "Which?"
answers = [{ text = "This", why = "For that.", right = true }, { text = "That", why = "Not so." }]
[[steps]]
"""
BODY = "## One\nText *one*.\n\n## Two\n- text two\n"
SHIPPED = lesson_files(SHIPPED_LESSONS)
DOCS = Path(__file__).parents[3] / "docs"


def written(head: str = HEAD, body: str = BODY) -> bytes:
    return f"+++\n{head}+++\n{body}".encode()


def test_a_lesson_is_read_as_it_is_written() -> None:
    lesson = read_lesson(written())
    assert (lesson.title, lesson.minutes) == ("A lesson", 5)
    assert [(step.title, step.text) for step in lesson.steps] == [("One", "Text *one*."), ("Two", "- text two")]
    first, second = (step.head for step in lesson.steps)
    assert (first.show, first.state) == ("answers", {"image": "cell-3"})
    assert first.question is not None and [answer.right for answer in first.question.answers] == [True, False]
    assert (second.show, second.state, second.question) == ("none", {}, None)
    assert read_lesson(written().replace(b"\n", b"\r\n")) == lesson


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "begins with a line"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"+++\ntitle = 1", "no end"),
        (b"x" * (LARGEST_LESSON + 1), "64 KB"),
        (written("title = \n"), "TOML"),
        (written("a = " + "[" * 3000 + "\n"), "TOML"),
        (written(HEAD + "colour = 1\n"), "colour"),
        (written(HEAD.replace('show = "answers"', 'show = "films"')), "films"),
        (written(HEAD.replace("minutes = 5", "minutes = 0")), "minutes"),
        (written(HEAD.replace('title = "A lesson"\n', "")), "title is missing"),
        (written(HEAD.replace('"cell-3"', "3")), "image"),
        (written(HEAD.replace("image = ", "Ima_ge = ")), "Ima_ge"),
        (written(HEAD.replace(", right = true", "")), "right = true"),
        (written(HEAD + "[[steps]]\n"), "3 steps and the text 2 sections"),
        (written(body=f"before\n{BODY}"), "before the first section"),
        (written(body="## One\n\n## Two\nText.\n"), "characters"),
        (written(body=BODY.replace("Text", "<script>alert(1)</script>")), "raw HTML"),
        (written(body=BODY.replace("Text", "![a](https://host.example/a.png)")), "pictures"),
        (written(body=BODY.replace("Text", "[a](javascript:alert)")), "https://"),
        (written(body=BODY.replace("Text", "[a](http://host.example)")), "https://"),
        (written(body=BODY + "\n[a]: https://host.example\n"), "by reference"),
        (written(body=BODY.replace("Text", "a\x00b")), "control"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_lesson(data)


def test_a_file_is_named_where_it_is_wrong_and_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_bytes(b"nothing")
    (tmp_path / "no lesson.md").write_bytes(b"nothing")
    assert list(lesson_files(tmp_path)) == ["mine"]
    with pytest.raises(InputError, match=r"^mine\.md: "):
        read_lesson_file(tmp_path / "mine.md")
    with pytest.raises(InputError, match=r"gone\.md cannot be read"):
        read_lesson_file(tmp_path / "gone.md")
    with pytest.raises(InputError, match="LEUKOLENS_LESSONS"):
        lesson_files(tmp_path / "gone")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_lesson_is_short_and_asks_at_every_step(name: str) -> None:
    lesson = read_lesson_file(SHIPPED[name])
    assert 3 <= len(lesson.steps) <= 8 and 5 <= lesson.minutes <= 10
    assert all(step.head.question is not None for step in lesson.steps)
    assert any(step.head.show != "none" for step in lesson.steps)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_percentage_of_a_lesson_stands_in_the_documentation(name: str) -> None:
    docs = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    told = set(re.findall(r"(?<![\d.,])[\d.,]+ %", SHIPPED[name].read_text(encoding="utf-8")))
    missing = {figure for figure in told if not re.search(rf"(?<![\d.,]){re.escape(figure)}", docs)}
    assert missing == set()
