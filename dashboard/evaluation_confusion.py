"""Confusion matrices side by side, and the images behind any of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.figures import Figures
from dashboard import state
from dashboard.address import MATRIX
from dashboard.evaluation_charts import ACCENT
from dashboard.evaluation_grid import model_grid
from dashboard.evaluation_images import show_images
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import share

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
