"""Every shipped lesson is walked in a real browser: each step comes with its live part and its question answers."""

from __future__ import annotations

from typing import Any

import pytest

from core.lessons.reader import SHIPPED_LESSONS, lesson_files, read_lesson_file

pytestmark = pytest.mark.browser
LESSONS = lesson_files(SHIPPED_LESSONS)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_walked_to_its_end(page: Any, address: str, name: str) -> None:
    lesson = read_lesson_file(LESSONS[name])
    page.goto(f"{address}/lessons")
    page.get_by_role("button", name=lesson.title).click()
    for number, step in enumerate(lesson.steps, start=1):
        page.get_by_text(f"step {number} of {len(lesson.steps)}").wait_for()
        page.get_by_role("heading", name=step.title, exact=True).wait_for()
        if step.head.show != "none":
            page.get_by_text("Set this step up again").wait_for()
        assert step.head.question is not None
        answer = next(answer for answer in step.head.question.answers if answer.right)
        page.get_by_text(answer.text, exact=True).click()
        page.get_by_text("✓ right").first.wait_for()
        page.get_by_text(answer.why).wait_for()
        assert page.get_by_text("failed unexpectedly").count() == 0
        if number < len(lesson.steps):
            page.get_by_role("button", name="Next").click()
