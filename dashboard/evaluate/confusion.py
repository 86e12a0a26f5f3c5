"""Confusion matrices side by side, and the test images behind any of their cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import plotly.graph_objects as go
import streamlit as st

from core.evaluation.metrics import Figures
from dashboard import state
from dashboard.evaluate.charts import model_grid
from dashboard.evaluate.images import in_cell, show_answers
from dashboard.evaluate.models import Evaluated
from dashboard.ui.charts import ACCENT, TYPE, empty_figure, on_dark_ground, plain_text, show
from dashboard.ui.format import share
from dashboard.url import MATRIX

WAYS = {"rates": "Rates", "counts": "Counts"}

MODEL, TRUE, NAMED = "matrix-model", "matrix-true", "matrix-named"

KEPT = "matrix-cell"  # what these three say, for visits after other pages: keys of widgets do not outlive those

PALE, DARK = "#ffffff", "#26242b"

CELL, AROUND = 36, 104  # px: of a cell, and of what stands below the cells

LONGEST = 14  # letters of a class that stand at an axis

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
    _begin(models)
    grid = model_grid(len(models), "matrices")
    for model in models:
        with grid.cell():
            st.html(f'<p class="ll-title">{escape(model.title)}</p>')
            _matrix(model, way)
    st.caption("True classes down, the models' answers across; the colour goes by the root of the rate.")
    _show_cell(models)
    state.write_address()


def _matrix(model: Evaluated, way: str) -> None:
    figures = model.figures
    if figures is not None:
        session = st.session_state
        marked = (session[TRUE], session[NAMED]) if session.get(MODEL) == model.name else None
        figure = matrix_figure(figures, way, on_dark_ground(), marked)
        show(figure, f"matrix-{model.name}", _alt(model.title, figures), lambda cell: _take(model.name, cell))


def matrix_figure(figures: Figures, way: str, dark: bool, marked: tuple[str, str] | None = None) -> go.Figure:
    """True classes down, answers across; a cell's colour goes by the root of its rate, its text says rate or count.

    The cell `marked`, (true class, answer), is framed.
    """
    classes, count = list(figures.classes), len(figures.classes)
    figure = empty_figure(AROUND + CELL * count)
    rates = [[rate or 0.0 for rate in row] for row in figures.confusion_rates]
    depths = [[math.sqrt(rate) for rate in row] for row in rates]  # so that a rate of one per cent is seen
    scale = [[0, _faded(0.0)], [1, _faded(1.0)]]
    figure.add_heatmap(z=depths, zmin=0, zmax=1, colorscale=scale, showscale=False, xgap=1, ygap=1, hoverinfo="skip")
    lay_out_cells(
        figure,
        classes,
        lambda row, column: _hover(figures, row, column),
        lambda row, column: _told(figures, way, row, column),
        lambda row, column: depths[row][column] > DEEP,
        dark,
        marked,
    )
    return figure


def lay_out_cells(
    figure: go.Figure,
    classes: Sequence[str],
    hover: Callable[[int, int], str],
    told: Callable[[int, int], str],
    deep: Callable[[int, int], bool],
    dark: bool,
    marked: tuple[str, str] | None,
) -> None:
    """Put over a heat map of true classes down and answers across what each cell says and says on hovering, by row and
    column; `deep` cells are read better in white. The cell `marked`, (true class, answer), is framed.

    What catches the pointer are points that nobody sees, one a cell, with (true class, answer) behind them.
    """
    count = len(classes)
    cells = [(row, column) for row in range(count) for column in range(count)]
    figure.add_scatter(
        x=[column for _, column in cells],
        y=[row for row, _ in cells],
        mode="markers",
        marker={"symbol": "square", "size": CELL - 4, "color": "rgba(0,0,0,0)"},
        customdata=[[classes[row], classes[column]] for row, column in cells],
        hovertext=[hover(*cell) for cell in cells],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    for row, column in cells:  # text of points would fade where another is chosen
        font = {"size": TYPE, "color": PALE if dark or deep(row, column) else DARK}
        figure.add_annotation(x=column, y=row, text=told(row, column), showarrow=False, font=font)
    if marked is not None and all(name in classes for name in marked):
        row, column = (classes.index(name) for name in marked)
        edges = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        figure.add_shape(type="rect", **edges, line={"color": PALE if dark else DARK, "width": 2.5})
    _name_axes(figure, classes)


def _name_axes(figure: go.Figure, classes: Sequence[str]) -> None:
    axis = {"tickvals": list(range(len(classes))), "fixedrange": True, "showgrid": False, "showline": False}
    names = [plain_text(name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…") for name in classes]
    span = [-0.5, len(classes) - 0.5]
    figure.update_layout(
        xaxis={**axis, "ticktext": names, "range": span, "tickangle": -40},
        yaxis={**axis, "ticktext": names, "range": span[::-1]},
        margin={"l": 14 + 7 * min(LONGEST, max(map(len, classes))), "r": 6, "t": 22, "b": AROUND - 22},
    )


def _faded(depth: float) -> str:
    """The accent at a depth from 0 to 1, over whatever ground."""
    red, green, blue = bytes.fromhex(ACCENT[1:])
    return f"rgba({red},{green},{blue},{depth:g})"


def _told(figures: Figures, way: str, row: int, column: int) -> str:
    count, rate = figures.confusion[row][column], figures.confusion_rates[row][column]
    if way == "counts":
        return f"{count:,}"
    return "–" if rate is None else f"{100 * rate:.1f}"


def _hover(figures: Figures, row: int, column: int) -> str:
    count, rate = figures.confusion[row][column], figures.confusion_rates[row][column]
    true, named = plain_text(figures.classes[row]), plain_text(figures.classes[column])
    if rate is None:
        return f"There are no images of {true}"
    said = "named right" if row == column else f"called {named}"
    return f"{count:,} of {sum(figures.confusion[row]):,} {true} {said}: {share(rate)}"


def _alt(title: str, figures: Figures) -> str:
    rights = ", ".join(
        f"{name} {row[number]} of {sum(row)}"
        for number, (name, row) in enumerate(zip(figures.classes, figures.confusion, strict=True))
    )
    return f"Confusion matrix of {title}; named right: {rights}"


def _take(model: str, cell: Sequence[str]) -> None:
    """Take a clicked cell, (true class, answer), over into the lists."""
    st.session_state[MODEL] = model
    st.session_state[TRUE], st.session_state[NAMED] = cell


def _begin(models: Sequence[Evaluated]) -> None:
    """Choose a cell where none is chosen, or one that these models lack."""
    by_name = {model.name: model for model in models}
    for key, value in st.session_state.get(KEPT, {}).items():
        st.session_state.setdefault(key, value)
    if st.session_state.get(MODEL) not in by_name:
        st.session_state[MODEL] = models[0].name
    figures = by_name[st.session_state[MODEL]].figures
    if figures is not None:
        _keep_possible(figures)
    st.session_state[KEPT] = {key: st.session_state.get(key) for key in (MODEL, TRUE, NAMED)}


def _show_cell(models: Sequence[Evaluated]) -> None:
    """Show the lists that name a cell, and the images that are counted in it."""
    by_name = {model.name: model for model in models}
    figures = by_name[st.session_state[MODEL]].figures
    if figures is None:
        return
    with st.container(horizontal=True, gap="medium"):
        st.selectbox("Images of", list(by_name), format_func=lambda name: by_name[name].title, width=210, key=MODEL)
        st.selectbox("True class", figures.classes, width=170, key=TRUE)
        st.selectbox("Named", figures.classes, width=170, key=NAMED)
    _show_images(by_name[st.session_state[MODEL]], st.session_state[TRUE], st.session_state[NAMED])


def _show_images(model: Evaluated, true: str, named: str) -> None:
    """Show the images of `true` that the model called `named`, the surest answers first."""
    if model.answers is None or model.card is None:
        return
    found = in_cell(model.answers, true, named, model.card.temperature)
    show_answers(model, _sentence(model.title, len(found), true, named), found, "matrix", f"{true}-{named}")


def _sentence(title: str, count: int, true: str, named: str) -> str:
    images = "image" if count == 1 else "images"
    if true == named:
        return f"{title} names {count:,} {images} of class {true} right."
    return (
        f"{title} calls {count:,} {images} of class {true} “{named}”."
        if count
        else f"{title} never calls a {true} {named}."
    )


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
