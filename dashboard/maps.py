"""Maps of models (rows) by classes (columns), each over the picture that the model saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explanation.explanation import Explanation, has_evidence
from core.explanation.export import picture_png, values_npz
from core.explanation.methods import METHODS
from core.explanation.render import overlay, palette
from core.preprocessing.framing import FRAMINGS
from dashboard.answers import caution
from dashboard.explained import Row
from dashboard.palette import class_colour
from dashboard.pictures import strip_address
from dashboard.words import percent, raw


@dataclass(frozen=True)
class Look:
    """How maps are shown: `opacity` from 0 to 1; `shared` scales a model's classes together."""

    method: str
    palette: str
    opacity: float
    shared: bool


def show_maps(rows: Sequence[Row], look: Look) -> None:
    """Show the grid: a row a model, its picture first, then its map for each class."""
    classes = _columns(rows)
    grid = st.grid(1 + len(classes), min_column_width=116, wrap=False, gap=10, key="maps")
    grid.html('<p class="ll-title">Seen by the model</p>')
    for name in classes:
        mark = f'<span class="ll-mark" style="background:{class_colour(name)}"></span>'
        grid.html(f'<p class="ll-title">{mark} {escape(name)}</p>')
    for row in rows:
        _show_row(grid, row, classes, look)


def show_legend(look: Look) -> None:
    """Show the palette from 0 to the scale's end, and what the maps explain."""
    kind = METHODS[look.method]
    end = "the largest value of a model's classes" if look.shared else "each map's own maximum"
    about = f"“max”: a map's raw maximum, without unit. {kind.title} shows what speaks for a class's {kind.explains}."
    st.html(
        f'<p class="ll-legend"><span>0</span><img src="{strip_address(palette(look.palette))}" '
        f'alt="Palette {escape(look.palette)}, low to high"><span>{end}</span>'
        f'<span class="ll-quiet">{escape(about)}</span></p>'
    )


def picture_of(explanation: Explanation, name: str, look: Look) -> NDArray[np.uint8]:
    """Return one class's map over the model's picture, `(S, S, 3) uint8`."""
    scale = float(explanation.values.max()) if look.shared else None
    return overlay(explanation.view, explanation.map_of(name), look.opacity, look.palette, scale)


def _columns(rows: Sequence[Row]) -> tuple[str, ...]:
    predictions = [row.answer.prediction for row in rows if row.answer.prediction is not None]
    return tuple(dict.fromkeys(name for prediction in predictions for name in prediction.classes))


def _show_row(grid: Any, row: Row, classes: Sequence[str], look: Look) -> None:
    title = row.answer.slot.title
    explanation = row.explanations.get(look.method)
    if explanation is None:
        with grid.cell(column_span="all"):
            st.warning(f"{title}: {row.fault}", icon=":material/block:")
        return
    with grid.cell():
        _show_original(row, explanation)
    for name in classes:
        with grid.cell():
            if name in explanation.classes:
                _show_map(row, explanation, name, look)
            else:
                st.caption(f"{title} does not know this class.")
    view = row.answer.view
    messages = [text for text in (*(view.warnings if view else ()), caution(row.answer)) if text]
    if messages:
        with grid.cell(column_span="all"):
            st.caption(f":orange[:material/warning:] {title}: {' '.join(messages)}")


def _show_original(row: Row, explanation: Explanation) -> None:
    title, answer = row.answer.slot.title, row.answer
    st.image(explanation.view, width="stretch", alt=f"What {title} saw: the {FRAMINGS[answer.framing]}")
    st.html(f'<p class="ll-caption"><strong>{escape(title)}</strong></p>')
    st.download_button(
        "Values (npz)",
        lambda: values_npz(explanation),
        f"{answer.slot.name}-{explanation.method}.npz",
        "application/octet-stream",
        key=f"values-{answer.slot.name}-{explanation.method}",
        type="tertiary",
        icon=":material/download:",
        help="The raw maps of all classes, unscaled, as numpy arrays `values` and `native`, in the order of `classes`.",
        on_click="ignore",
    )


def _show_map(row: Row, explanation: Explanation, name: str, look: Look) -> None:
    picture = picture_of(explanation, name, look)
    title, method = row.answer.slot.title, METHODS[look.method].title
    some = has_evidence(explanation.map_of(name))
    found = f"max {raw(explanation.maxima[name])}" if some else "no positive evidence"
    st.image(picture, width="stretch", alt=f"{method} of {title} for {name}: {found}")
    prediction = row.answer.prediction
    if prediction is None:
        return
    share = percent(float(prediction.probabilities[prediction.classes.index(name)]))
    named = f"<strong>{share}, named</strong>" if name == prediction.predicted else share
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="top", horizontal_alignment="distribute"):
        st.html(f'<p class="ll-caption">{named}<br>{found}</p>', width="content")
        st.download_button(
            ":material/download:",
            lambda: picture_png(picture),
            f"{row.answer.slot.name}-{explanation.method}-{name}.png",
            "image/png",
            key=f"png-{row.answer.slot.name}-{explanation.method}-{name}",
            type="tertiary",
            help=f"Download as PNG: {method} of {title} for {name}.",
            on_click="ignore",
        )
