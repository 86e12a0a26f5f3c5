"""The guides speak of what there is: every method, score, stage, framing, preset, architecture and known set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.data.known_sets import KNOWN
from core.explanation.methods.registry import METHODS
from core.explanation.quality.scores import SCORES
from core.lessons.reader import (
    SHIPPED_LESSONS,
    LessonAnswer,
    LessonHead,
    LessonQuestion,
    StepHead,
    lesson_files,
    read_lesson,
    read_lesson_file,
)
from core.models.registry import ARCHITECTURES
from core.preprocessing.framing import FRAMINGS
from core.preprocessing.parameters import PRESETS
from core.preprocessing.pipeline import STAGES
from dashboard.lessons.library import STATES, with_states
from dashboard.live import PARTS

DOCS = Path(__file__).parents[2] / "docs"
BETTER = {"higher": "higher", "lower": "lower", "": "neither"}


def cells(page: str, title: str) -> list[list[str]]:
    """The rows of the first table below a heading of a page, without its head."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"## {title}\n")[2]
    table = re.search(r"^\|.*?(?=\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    assert table is not None, f"{page} has no table below “{title}”"
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.group().splitlines()[2:]]


def test_the_guide_lists_the_methods_and_says_what_they_explain() -> None:
    told = {row[0]: (row[2], row[3].startswith("yes")) for row in cells("guide/explain.md", "Choose methods")}
    assert told == {method.title: (method.explains, method.signed) for method in METHODS.values()}


def test_the_guide_lists_the_scores_and_which_way_is_better() -> None:
    told = {row[0]: row[2] for row in cells("guide/explain.md", "What is a map worth?")}
    assert told == {score.title: BETTER[score.better] for score in SCORES.values()}


def test_the_guide_lists_the_stages_in_their_order() -> None:
    assert [row[0] for row in cells("guide/preprocess.md", "The stages")] == list(STAGES)


def test_the_guide_lists_the_framings() -> None:
    told = {row[0] for row in cells("guide/compare.md", "Show the models something else")}
    assert told == {"as each model was trained", *FRAMINGS.values()}


def test_the_page_on_data_lists_the_known_sets() -> None:
    told = {row[0].strip("`") for row in cells("how-to/own-data.md", "2. Use a published set")}
    assert told == set(KNOWN)


@pytest.mark.parametrize(("page", "names"), [("recipes", ARCHITECTURES), ("command-line", PRESETS)])
def test_the_reference_names_what_may_be_chosen(page: str, names: dict[str, object]) -> None:
    text = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_page_on_lessons_names_what_a_step_may_show_and_set_and_its_example_is_one() -> None:
    text = (DOCS / "how-to" / "write-a-lesson.md").read_text(encoding="utf-8")
    keys = {*PARTS, *STATES, *LessonHead.model_fields, *StepHead.model_fields, *LessonQuestion.model_fields}
    assert {key for key in {*keys, *LessonAnswer.model_fields} if not re.search(rf"`{key}\b", text)} == set()
    example = text.partition("```\n")[2].partition("```")[0]
    assert len(with_states(read_lesson(example.encode())).steps) == 2


def test_the_guide_lists_the_lessons() -> None:
    told = [row[0] for row in cells("guide/lessons.md", "Take one")]
    assert told == [read_lesson_file(path).title for path in lesson_files(SHIPPED_LESSONS).values()]
