"""The test images behind a cell of a confusion matrix, where their folder is at hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from core.decoding import read_image
from core.errors import InputError
from core.evaluation.images import image_folders, places_of
from core.evaluation.stored import Answers
from dashboard.evaluation_models import Evaluated
from dashboard.pictures import fitted, png_bytes, squared
from dashboard.words import percent

AT_ONCE = 24
SIDE = 150
FOLDER, KEPT = "evaluation-folder", "evaluation-folder-kept"  # the second outlives visits to other pages
VARIABLE = "LEUKOLENS_DATA"


@dataclass(frozen=True)
class Case:
    """One answer: which image, how sure, and the start of its file's hash (empty where it was not kept)."""

    image: str
    sure: float
    digest: str


def show_images(model: Evaluated, true: str, named: str) -> None:
    """Show the images of `true` that the model called `named`, the surest answers first."""
    answers = model.answers
    if answers is None or model.card is None:
        return
    found = cases(answers, true, named, model.card.temperature)
    st.html(f'<p class="ll-sentence">{escape(_sentence(model.title, len(found), true, named))}</p>')
    if not found:
        return
    folder = _folder()
    if folder is None:
        return
    part = _page(found, f"{model.name}-{true}-{named}")
    folders = _folders(str(folder))
    with st.spinner("Reading the images"):
        grid = st.grid("auto", min_column_width=SIDE - 20, gap=12, key="matrix-images")
        shown = []
        for case in part:
            with grid.cell():
                shown.append(_show(case, folders))
    if not any(shown):
        st.info(
            f"None of these images lies in {folder}: it is another set, or laid out in other folders. The model was "
            f"tested on {model.figures.data if model.figures else 'other images'}.",
            icon=":material/image_not_supported:",
        )


def cases(answers: Answers, true: str, named: str, temperature: float) -> list[Case]:
    """The answers counted in one cell, the surest first."""
    row, column = answers.classes.index(true), answers.classes.index(named)
    places = ((answers.labels == row) & (answers.predicted == column)).nonzero()[0].tolist()
    sure = answers.probabilities(temperature)[:, column]
    digests = answers.digests or ("",) * len(answers.images)
    found = [Case(answers.images[place], float(sure[place]), digests[place]) for place in places]
    return sorted(found, key=lambda case: (-case.sure, case.image))


def _sentence(title: str, count: int, true: str, named: str) -> str:
    images = "image" if count == 1 else "images"
    if true == named:
        return f"{title} names {count:,} {images} of class {true} right."
    return (
        f"{title} calls {count:,} {images} of class {true} “{named}”."
        if count
        else f"{title} never calls a {true} {named}."
    )


def _folder() -> Path | None:
    """The folder of the images, asked for where it is not known; None with a sentence where there is none."""
    if FOLDER not in st.session_state:
        st.session_state[FOLDER] = st.session_state.get(KEPT, os.environ.get(VARIABLE, ""))
    text = st.text_input(
        "Folder of the images on the server",
        placeholder="/path/to/data",
        max_chars=1000,
        key=FOLDER,
        help=f"The folder that the data sets lie in, on the machine that runs the dashboard; {VARIABLE} names it for "
        "good. Only images that the model was tested on are shown, and nothing is copied.",
    ).strip()
    st.session_state[KEPT] = text
    if not text:
        st.info(
            "The images are not at hand. Name their folder above, or start the dashboard with "
            f"`{VARIABLE}=/path/to/data`, to see them.",
            icon=":material/folder_open:",
        )
        return None
    folder = Path(text).expanduser()
    try:
        there = folder.is_dir()
    except (OSError, ValueError):
        there = False
    if not there:
        st.warning("There is no such folder on this server. Check the path.", icon=":material/folder_off:")
        return None
    return folder


def _page(found: Sequence[Case], key: str) -> Sequence[Case]:
    if len(found) <= AT_ONCE:
        return found
    pages = -(-len(found) // AT_ONCE)
    number = st.number_input(
        f"Page (of {pages}, {AT_ONCE} images each, the surest answers first)", 1, pages, 1, width=330, key=f"page-{key}"
    )
    return found[AT_ONCE * (number - 1) : AT_ONCE * number]


@st.cache_data(show_spinner=False, max_entries=4, ttl=300)
def _folders(root: str) -> dict[str, tuple[Path, ...]]:
    return image_folders(Path(root))


def _show(case: Case, folders: dict[str, tuple[Path, ...]]) -> bool:
    picture = _picture(case, folders)
    if picture is None:
        st.html(f'<div class="ll-waiting">not found: {escape(case.image)}</div>')
    else:
        st.image(picture, width="stretch", alt=f"{case.image}, {percent(case.sure)} sure")
    st.html(f'<p class="ll-caption ll-file">{escape(case.image)}<br>{percent(case.sure)} sure</p>')
    return picture is not None


def _picture(case: Case, folders: dict[str, tuple[Path, ...]]) -> bytes | None:
    """A thumbnail of the image, by its hash where that was kept, else of the first file of that name."""
    for place in places_of(case.image, folders):
        try:
            facts = place.stat()
            sha256, thumbnail = _thumbnail(str(place), facts.st_mtime_ns, facts.st_size)
        except (OSError, InputError):
            continue
        if not case.digest or sha256.startswith(case.digest):
            return thumbnail
    return None


@st.cache_data(show_spinner=False, max_entries=400)
def _thumbnail(path: str, changed_ns: int, size: int) -> tuple[str, bytes]:
    image = read_image(Path(path))
    return image.sha256, png_bytes(fitted(squared(image.rgb), SIDE))
