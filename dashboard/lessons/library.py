"""Which lessons there are: those shipped, those of a folder that the server's owner names, and one that this browser
brought; each checked down to the state that its steps show."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import InputError
from core.lessons.reader import (
    MOST_LESSONS,
    SHIPPED_LESSONS,
    Lesson,
    LessonStep,
    lesson_files,
    read_lesson,
    read_lesson_file,
)
from dashboard import url
from dashboard.images import gallery_subjects
from dashboard.models import names
from dashboard.ui.format import quoted

FOLDER = "LEUKOLENS_LESSONS"
OWN, BROUGHT = "own.", "brought"
UPLOAD, HELD, REFUSED = "lesson-upload", "lesson-held", "lesson-refused"
STATES = (  # the parameters of the address that a step may set
    "image",
    "models",
    "view",
    "truth",
    "cell",
    "methods",
    "classes",
    "set",
    "seed",
    "precision",
    "borders",
    "palette",
    "diverging",
    "opacity",
    "scale",
    "layout",
    "label",
    "wipe",
)


@dataclass(frozen=True)
class Library:
    """The lessons at hand by name, in their order, and why others cannot be used."""

    lessons: dict[str, Lesson]
    faults: tuple[str, ...]


def library() -> Library:
    """Everything at hand for this browser."""
    found, faults = _of_folder(SHIPPED_LESSONS, "")
    own = os.environ.get(FOLDER, "")
    if own:
        theirs, their_faults = _of_folder(Path(own).expanduser(), OWN)
        found, faults = {**found, **theirs}, [*faults, *their_faults]
    held: bytes | None = st.session_state.get(HELD)
    if held is not None:
        found[BROUGHT] = _read_bytes(held)
    return Library(found, tuple(faults))


def _of_folder(folder: Path, before: str) -> tuple[dict[str, Lesson], list[str]]:
    found: dict[str, Lesson] = {}
    faults = []
    try:
        files = lesson_files(folder)
    except InputError as error:
        return {}, [str(error)]
    if len(files) > MOST_LESSONS:
        faults.append(f"The folder of lessons holds {len(files)} files; the first {MOST_LESSONS} are shown.")
    for name, path in list(files.items())[:MOST_LESSONS]:
        try:
            facts = path.stat()
            found[before + name] = _read_path(str(path), facts.st_mtime_ns, facts.st_size)
        except (InputError, OSError) as error:
            faults.append(str(error) if isinstance(error, InputError) else f"{path.name} cannot be read.")
    return found, faults


@st.cache_data(show_spinner=False, max_entries=128)
def _read_path(path: str, changed_ns: int, size: int) -> Lesson:
    return with_states(read_lesson_file(Path(path)))


@st.cache_data(show_spinner=False, max_entries=16)
def _read_bytes(data: bytes) -> Lesson:
    return with_states(read_lesson(data))


def with_states(lesson: Lesson) -> Lesson:
    """The lesson as it is; InputError where a step's state has an unknown name or a value that means nothing."""
    for number, step in enumerate(lesson.steps, start=1):
        for name, text in step.head.state.items():
            if name not in STATES:
                raise InputError(f"Step {number} sets “{name}”, which a step cannot. It may set: {', '.join(STATES)}.")
            try:
                value = url.BY_NAME[name].parse(text)
            except InputError as error:
                raise InputError(f"Step {number}: {error}".replace("The address", "its state")) from None
            if name == "image" and not re.fullmatch(r"cell-([1-9]|10)", value):
                raise InputError(f"Step {number}: an image of a lesson is one of cell-1 to cell-10.")
    return lesson


def missing_models(step: LessonStep) -> list[str]:
    """The models that a step names and this server does not hold."""
    chosen = url.BY_NAME["models"].parse(step.head.state.get("models", "all"))
    return [] if chosen == url.ALL else [name for name in chosen if name not in names()]


def state_of(step: LessonStep) -> dict[str, object]:
    """What each choice is in a step: what its state says, else the default, so that no step rests on another."""
    found = {name: url.BY_NAME[name].default for name in STATES}
    found |= {name: url.BY_NAME[name].parse(text) for name, text in step.head.state.items()}
    assert found["image"] in gallery_subjects()
    return found


def offer_upload() -> None:
    """Take a lesson's file for this browser alone; what is wrong with it is told, and nothing is kept of it."""
    st.file_uploader(
        "Bring a lesson of your own",
        max_upload_size=1,
        width=520,
        key=UPLOAD,
        on_change=_take,
        help="One Markdown file with a TOML head. It stays in this visit's memory and goes with it.",
    )
    if st.session_state.get(REFUSED):
        st.error(quoted(st.session_state[REFUSED]), icon=":material/block:")


def _take() -> None:
    file = st.session_state[UPLOAD]
    st.session_state[REFUSED] = ""
    if file is None:
        st.session_state.pop(HELD, None)
        return
    try:
        data = file.getvalue()
        _read_bytes(data)
        st.session_state[HELD] = data
    except InputError as error:
        st.session_state[REFUSED] = str(error)
