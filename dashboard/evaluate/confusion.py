"""Confusion matrices side by side, and the test images behind any of their cells, where their folder is at hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.decoding import read_image
from core.errors import InputError
from core.evaluation.metrics import Figures
from core.evaluation.predictions import Answers, image_folders, places_of
from dashboard import state
from dashboard.evaluate.charts import model_grid
from dashboard.evaluate.models import Evaluated
from dashboard.ui.charts import ACCENT
from dashboard.ui.format import percent, share
from dashboard.ui.html import fitted, png_bytes, squared
from dashboard.url import MATRIX

AT_ONCE = 24

SIDE = 150

FOLDER, FOLDERS_KEPT = "evaluation-folder", "evaluation-folder-kept"  # the second outlives visits to other pages

VARIABLE = "LEUKOLENS_DATA"


@dataclass(frozen=True)
class AnsweredImage:
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


def cases(answers: Answers, true: str, named: str, temperature: float) -> list[AnsweredImage]:
    """The answers counted in one cell, the surest first."""
    row, column = answers.classes.index(true), answers.classes.index(named)
    places = ((answers.labels == row) & (answers.predicted == column)).nonzero()[0].tolist()
    sure = answers.probabilities(temperature)[:, column]
    digests = answers.digests or ("",) * len(answers.images)
    found = [AnsweredImage(answers.images[place], float(sure[place]), digests[place]) for place in places]
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
        st.session_state[FOLDER] = st.session_state.get(FOLDERS_KEPT, os.environ.get(VARIABLE, ""))
    text = st.text_input(
        "Folder of the images on the server",
        placeholder="/path/to/data",
        max_chars=1000,
        key=FOLDER,
        help=f"The folder that the data sets lie in, on the machine that runs the dashboard; {VARIABLE} names it for "
        "good. Only images that the model was tested on are shown, and nothing is copied.",
    ).strip()
    st.session_state[FOLDERS_KEPT] = text
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


def _page(found: Sequence[AnsweredImage], key: str) -> Sequence[AnsweredImage]:
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


def _show(case: AnsweredImage, folders: dict[str, tuple[Path, ...]]) -> bool:
    picture = _picture(case, folders)
    if picture is None:
        st.html(f'<div class="ll-waiting">not found: {escape(case.image)}</div>')
    else:
        st.image(picture, width="stretch", alt=f"{case.image}, {percent(case.sure)} sure")
    st.html(f'<p class="ll-caption ll-file">{escape(case.image)}<br>{percent(case.sure)} sure</p>')
    return picture is not None


def _picture(case: AnsweredImage, folders: dict[str, tuple[Path, ...]]) -> bytes | None:
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


WAYS = {"rates": "Rates", "counts": "Counts"}

MODEL, TRUE, NAMED = "matrix-model", "matrix-true", "matrix-named"

KEPT = "matrix-cell"  # what these three say, for visits after other pages: keys of widgets do not outlive those

PALE, DARK = "#ffffff", "#26242b"

DEEP = 0.85  # of the colour from which white is read better than dark, on the light ground


@st.fragment
def show_confusion(models: Sequence[Evaluated]) -> None:
    """Show a matrix a model, and below them the images of the cell that is clicked or chosen."""
    st.segmented_control(
        "Cells show",
        MATRIX,
        format_func=WAYS.__getitem__,
        help="Rates: of the cells of a true class (a row), the share that is named so. A click on a cell shows its "
        "images below; the lists there do the same from the keyboard.",
        **state.bound("matrix"),
    )
    state.say_problem("matrix")
    way = state.get("matrix")
    grid = model_grid(len(models), "matrices")
    for model in models:
        with grid.cell():
            st.html(f'<p class="ll-title">{escape(model.title)}</p>')
            _matrix(model, way)
    st.caption("True classes down, the models' answers across; the colour goes by the rate.")
    _show_cell(models)
    state.write_address()


def _matrix(model: Evaluated, way: str) -> None:
    figures = model.figures
    if figures is None:
        return
    key = f"matrix-{model.name}"
    st.vega_lite_chart(
        matrix_table(figures, way),
        _spec(figures.classes),
        height=90 + 32 * len(figures.classes),
        key=key,
        on_select=lambda: _take(key, model.name),
        selection_mode="cell",
        alt=_alt(model.title, figures),
    )


def matrix_table(figures: Figures, way: str) -> pd.DataFrame:
    """A row a cell: true class, answer, what stands in it, and how deep its colour is (0 to 1, by rate)."""
    rows = []
    for true, counts, rates in zip(figures.classes, figures.confusion, figures.confusion_rates, strict=True):
        for named, count, rate in zip(figures.classes, counts, rates, strict=True):
            told = f"{count:,}" if way == "counts" else "–" if rate is None else f"{100 * rate:.1f}"
            part = "no such images" if rate is None else f"{share(rate)} of {sum(counts):,}"
            rows.append(
                {"true": true, "named": named, "told": told, "depth": rate or 0.0, "count": count, "part": part}
            )
    return pd.DataFrame(rows)


def _spec(classes: Sequence[str]) -> dict[str, Any]:
    plain = {"titleFontWeight": "normal", "labelLimit": 90, "ticks": False, "domain": False, "grid": False}
    order = {"type": "nominal", "sort": list(classes)}
    axes = {
        "x": {**order, "field": "named", "title": None, "axis": {**plain, "labelAngle": -40, "labelOverlap": False}},
        "y": {**order, "field": "true", "title": None, "axis": plain},
    }
    depth = {"field": "depth", "type": "quantitative", "scale": {"domain": [0, 1], "range": [0, 1]}, "legend": None}
    tips = [
        {"field": "true", "type": "nominal", "title": "true class"},
        {"field": "named", "type": "nominal"},
        {"field": "count", "type": "quantitative", "title": "images", "format": ","},
        {"field": "part", "type": "nominal", "title": "share"},
    ]
    squares = {
        "params": [{"name": "cell", "select": {"type": "point", "fields": ["true", "named"]}}],
        "mark": {"type": "rect", "fill": ACCENT, "stroke": ACCENT, "strokeOpacity": 0.25, "cursor": "pointer"},
        "encoding": {**axes, "fillOpacity": depth, "tooltip": tips},
    }
    numbers = {
        "mark": {"type": "text", "fontSize": 11, "interactive": False},
        "encoding": {**axes, "text": {"field": "told", "type": "nominal"}, "color": _ink()},
    }
    return {"layer": [squares, numbers]}


def _ink() -> dict[str, Any]:
    """The colour of a cell's text: white on deep colour and on the dark ground, else dark."""
    if getattr(st.context.theme, "type", None) == "dark":
        return {"value": PALE}
    return {"condition": {"test": f"datum.depth > {DEEP}", "value": PALE}, "value": DARK}


def _alt(title: str, figures: Figures) -> str:
    rights = ", ".join(
        f"{name} {row[number]} of {sum(row)}"
        for number, (name, row) in enumerate(zip(figures.classes, figures.confusion, strict=True))
    )
    return f"Confusion matrix of {title}; named right: {rights}"


def _take(key: str, model: str) -> None:
    """Take a clicked cell over into the lists."""
    picked = (st.session_state[key].get("selection") or {}).get("cell") or []
    if picked:
        st.session_state[MODEL] = model
        st.session_state[TRUE], st.session_state[NAMED] = picked[0].get("true"), picked[0].get("named")


def _show_cell(models: Sequence[Evaluated]) -> None:
    """Show the lists that name a cell, and the images that are counted in it."""
    by_name = {model.name: model for model in models}
    for key, value in st.session_state.get(KEPT, {}).items():
        st.session_state.setdefault(key, value)
    if st.session_state.get(MODEL) not in by_name:
        st.session_state[MODEL] = models[0].name
    figures = by_name[st.session_state[MODEL]].figures
    if figures is None:
        return
    _keep_possible(figures)
    st.session_state[KEPT] = {key: st.session_state[key] for key in (MODEL, TRUE, NAMED)}
    with st.container(horizontal=True, gap="medium"):
        st.selectbox("Images of", list(by_name), format_func=lambda name: by_name[name].title, width=210, key=MODEL)
        st.selectbox("True class", figures.classes, width=170, key=TRUE)
        st.selectbox("Named", figures.classes, width=170, key=NAMED)
    show_images(by_name[st.session_state[MODEL]], st.session_state[TRUE], st.session_state[NAMED])


def _keep_possible(figures: Figures) -> None:
    """Where no cell of this model is chosen: its most frequent mistake, or its first class where it makes none."""
    session = st.session_state
    if session.get(TRUE) in figures.classes and session.get(NAMED) in figures.classes:
        return
    session[TRUE], session[NAMED] = most_frequent_mistake(figures)


def most_frequent_mistake(figures: Figures) -> tuple[str, str]:
    """True class and answer of the largest cell off the diagonal; the first class twice where all of it is empty."""
    cells = [
        (count, -row, -column)
        for row, counts in enumerate(figures.confusion)
        for column, count in enumerate(counts)
        if row != column
    ]
    count, row, column = max(cells)
    return (figures.classes[-row], figures.classes[-column]) if count else (figures.classes[0], figures.classes[0])
