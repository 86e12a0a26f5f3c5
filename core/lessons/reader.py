"""Reads a lesson's file: a TOML head between two lines `+++`, then one section of Markdown a step. Everything in it is
foreign until it is checked: unknown keys, sizes, raw HTML, pictures and links are refused in a sentence."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from core.errors import InputError
from core.lessons.markup import check_markup
from core.settings import Settings, faults

LARGEST_LESSON = 64 * 1024  # bytes of a file
MOST_STEPS = 30
MOST_LESSONS = 50  # of a folder
LONGEST_TEXT = 6000  # characters of a step
SHIPPED_LESSONS = Path(__file__).parent / "shipped"
FENCE = "+++"
HEADING = re.compile(r"^## +(\S.*)$", re.MULTILINE)  # a lazy pattern took seconds on many blanks
NAME_OF_LESSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")

Part = Literal[
    "none",
    "cell",
    "answers",
    "stages",
    "maps",
    "worth",
    "shifts",
    "calibration",
    "elsewhere",
    "papers",
    "shortcut-test",
    "shortcut",
    "shortcut-figures",
]  # which live part of the dashboard a step shows
Line = Annotated[str, Field(min_length=1, max_length=300)]
StateName = Annotated[str, Field(pattern=r"^[a-z]{2,20}$")]
StateText = Annotated[str, Field(max_length=1200)]


class LessonAnswer(Settings):
    """An answer to choose: its `text`, whether it is `right`, and `why`, told once it was chosen."""

    text: Line
    why: Line
    right: bool = False


class LessonQuestion(Settings):
    """A question of two to six answers, at least one of them right."""

    ask: Line
    answers: Annotated[tuple[LessonAnswer, ...], Field(strict=False, min_length=2, max_length=6)]

    @model_validator(mode="after")
    def _one_is_right(self) -> Self:
        if not any(answer.right for answer in self.answers):
            raise ValueError("no answer has `right = true`")
        return self


class StepHead(Settings):
    """What the head says of a step: the live part to `show`, the `state` to show it in, and a `question`.

    `state` holds parameters of the dashboard's address by name, each as text.
    """

    show: Part = "none"
    state: Annotated[dict[StateName, StateText], Field(max_length=20)] = Field(default_factory=dict)
    question: LessonQuestion | None = None


class LessonHead(Settings):
    """The head of a lesson's file."""

    title: Annotated[str, Field(min_length=1, max_length=100)]
    minutes: Annotated[int, Field(ge=1, le=120)]
    steps: Annotated[tuple[StepHead, ...], Field(strict=False, min_length=1, max_length=MOST_STEPS)]


@dataclass(frozen=True)
class LessonStep:
    """A step: its title and its Markdown, checked and still unescaped, and what the head says of it."""

    title: str
    text: str
    head: StepHead


@dataclass(frozen=True)
class Lesson:
    """A lesson as it was read; `minutes` is what it takes."""

    title: str
    minutes: int
    steps: tuple[LessonStep, ...]


def read_lesson(data: bytes) -> Lesson:
    """Read and check a lesson's file; InputError says what is wrong and where."""
    if len(data) > LARGEST_LESSON:
        raise InputError(f"A lesson has at most {LARGEST_LESSON // 1024} KB; this file is larger.")
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InputError("A lesson is text in UTF-8; this file is not.") from None
    head, body = _parted(text)
    found, sections = _head(head), _sections(body)
    if len(found.steps) != len(sections):
        raise InputError(
            f"The head has {len(found.steps)} steps and the text {len(sections)} sections that begin with “## ”: "
            "write one section a step."
        )
    steps = [
        LessonStep(title, _checked(title, section), step)
        for step, (title, section) in zip(found.steps, sections, strict=True)
    ]
    return Lesson(found.title, found.minutes, tuple(steps))


def lesson_files(folder: Path) -> dict[str, Path]:
    """By name the files `NAME.md` of a folder, in the order of their names, at most 50; InputError where it is none."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".md" and path.is_file())
    except (OSError, ValueError):
        raise InputError("The folder of lessons cannot be read: check what LEUKOLENS_LESSONS names.") from None
    return {path.stem: path for path in files if NAME_OF_LESSON.fullmatch(path.stem)}


def read_lesson_file(path: Path) -> Lesson:
    """Read a file as `read_lesson` does; InputError names it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_LESSON + 1)
        return read_lesson(data)
    except OSError:
        raise InputError(f"{path.name} cannot be read.") from None
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None


def _parted(text: str) -> tuple[str, str]:
    if not text.startswith(f"{FENCE}\n"):
        raise InputError(f"A lesson begins with a line “{FENCE}”, its head in TOML, and another line “{FENCE}”.")
    head, fence, body = text[len(FENCE) + 1 :].partition(f"\n{FENCE}\n")
    if not fence:
        raise InputError(f"The head has no end: close it with a line “{FENCE}”.")
    return head, body


def _head(text: str) -> LessonHead:
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise InputError(f"The head is not valid TOML: {str(error)[:200]}.") from None
    try:
        return LessonHead.model_validate(values)
    except ValidationError as error:
        raise InputError(f"The head cannot be used: {faults(error, LessonHead)}.") from None


def _sections(body: str) -> list[tuple[str, str]]:
    before, *parts = HEADING.split(body)
    if before.strip():
        raise InputError("There is text before the first section: begin each step with “## ” and its title.")
    return list(zip(map(str.rstrip, parts[::2]), parts[1::2], strict=True))


def _checked(title: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST_TEXT or len(title) > 100:
        raise InputError(
            f"The section “{title[:60]}” must have 1 to {LONGEST_TEXT} characters and a title of at most 100."
        )
    try:
        check_markup(f"{title}\n{text}")
    except InputError as error:
        raise InputError(f"The section “{title[:60]}”: {error}") from None
    return text
