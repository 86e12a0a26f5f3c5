"""Maps of models (rows) by classes (columns), each over the picture that the model saw: one grid a method."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from core.explanation.engine import Explanation, has_evidence
from core.explanation.evidence import picture_png, values_npz
from core.explanation.method import Method
from core.explanation.methods.registry import METHODS
from core.explanation.render import by_pixel, palette
from core.explanation.wording import largest_values, legend_ends, legend_text
from core.preprocessing.framing import FRAMINGS
from dashboard import state
from dashboard.answers import caution
from dashboard.explain.against import alike_text
from dashboard.explain.jobs import ModelRow
from dashboard.explain.progress import offer_more, show_buttons, show_progress
from dashboard.explain.rendering import Look, picture_of, shown_picture
from dashboard.ui.format import percent, quoted
from dashboard.ui.glossary import with_terms
from dashboard.ui.html import class_colour, strip_address

STYLES = {"borders": "Borders, as in the papers", "map": "Signed weights"}


def show_maps(rows: Sequence[ModelRow], method: str, classes: Sequence[str], look: Look) -> None:
    """Show a method's grid: a row a model, its picture first, then its map for each class."""
    kind = METHODS[method]
    bordered = _bordered(rows, method, look)
    with st.container(key=f"method-{_safe(method)}", gap="xxsmall"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.html(f'<h3 class="ll-method">{escape(kind.title)}</h3>', width="content")
            _show_legend(kind, look, bordered, rows)
            offer_more(kind, [row.jobs[method] for row in rows if method in row.jobs])
            _offer_borders(kind, look, rows)
        grid = st.grid(1 + len(classes), min_column_width=116, wrap=False, gap=10, key=f"maps-{_safe(method)}")
        grid.html('<p class="ll-title">Seen by the model</p>')
        for name in classes:
            mark = f'<span class="ll-mark" style="background:{class_colour(name)}"></span>'
            grid.html(f'<p class="ll-title">{mark} {escape(name)}</p>')
        for row in rows:
            _show_row(grid, row, rows, kind, classes, look)


def _safe(method: str) -> str:
    return method.replace("+", "p")


def _offer_borders(kind: Method, look: Look, rows: Sequence[ModelRow]) -> None:
    """Show the choice between outlines and signed weights, where the method weighs superpixels."""
    if not _weighs_superpixels(rows, kind.name):
        return
    others = tuple(name for name in look.borders if name != kind.name)
    st.segmented_control(
        "Superpixels as",
        list(STYLES),
        format_func=STYLES.__getitem__,
        required=True,
        label_visibility="collapsed",
        **state.bound(
            "borders",
            key=f"borders-{kind.name}",
            to_widget=lambda _: look.style(kind.name),
            from_widget=lambda style: (*others, kind.name) if style == "borders" else others,
        ),
    )


def _weighs_superpixels(rows: Sequence[ModelRow], method: str) -> bool:
    return any(row.explanations[method].regions is not None for row in rows if method in row.explanations)


def _bordered(rows: Sequence[ModelRow], method: str, look: Look) -> bool:
    """Whether the method's maps are outlined superpixels: where it weighs superpixels and that is how to show them."""
    return look.style(method) == "borders" and _weighs_superpixels(rows, method)


def _show_legend(kind: Method, look: Look, bordered: bool, rows: Sequence[ModelRow]) -> None:
    about = legend_text(kind, bordered)
    if bordered:
        strip = '<span class="ll-border-mark"></span>'
    else:
        fine = any(by_pixel(row.explanations[kind.name]) for row in rows if kind.name in row.explanations)
        low, high = legend_ends(kind.signed, look.shared, fine)
        colours = look.diverging if kind.signed else look.palette
        strip = (
            f'<span>{escape(low)}</span><img src="{strip_address(palette(colours))}" '
            f'alt="Palette {escape(colours)}, low to high"><span>{escape(high)}</span>'
        )
    notes = {row.explanations[kind.name].note for row in rows if kind.name in row.explanations}
    told = f"{about} {notes.pop()}" if len(notes) == 1 else about
    st.html(f'<div class="ll-legend">{strip}<span class="ll-quiet">{with_terms(told)}</span></div>', width="content")


def _show_row(
    grid: Any, row: ModelRow, rows: Sequence[ModelRow], kind: Method, classes: Sequence[str], look: Look
) -> None:
    fault = row.fault_of(kind.name)
    explanation = row.explanations.get(kind.name)
    if fault:
        with grid.cell(column_span="all"):
            st.warning(quoted(f"{row.title}: {fault}"), icon=":material/block:")
            if explanation is None and kind.name in row.jobs:
                show_buttons(row.jobs[kind.name], row.title)
        if explanation is None:
            return
    with grid.cell():
        _show_original(row, kind, explanation)
    for name in classes:
        with grid.cell():
            _show_cell(row, kind, explanation, name, look)
    view = row.answer.view
    notes = {other.explanations[kind.name].note for other in rows if kind.name in other.explanations}
    if explanation is not None and explanation.note and len(notes) > 1:
        with grid.cell(column_span="all"):
            st.html(f'<p class="ll-caption">{escape(row.title)}: {escape(explanation.note)}</p>')
    prediction = row.answer.prediction
    label = prediction.predicted if prediction is not None else ""
    alike = alike_text(row, kind.name, label, prediction.runner_up(label)) if prediction is not None else ""
    for told in filter(None, (why_no_evidence(row, kind, explanation), alike)):
        with grid.cell(column_span="all"):
            st.html(f'<p class="ll-caption">{escape(told)}</p>')
    messages = [text for text in (*(view.warnings if view else ()), caution(row.answer)) if text]
    if messages:
        with grid.cell(column_span="all"):
            told = quoted(f"{row.title}: {' '.join(messages)}")
            st.caption(f":orange[:material/warning:] {told}")


def why_no_evidence(row: ModelRow, kind: Method, explanation: Explanation | None) -> str:
    """Say why a model's map of the very class that it names may be empty; "" where it is not."""
    prediction = row.answer.prediction
    if explanation is None or prediction is None or kind.signed:
        return ""
    if has_evidence(explanation.native[explanation.classes.index(prediction.predicted)]):
        return ""
    return (
        f"{row.title} names {prediction.predicted}, and yet {kind.title} finds no positive evidence for it: the method "
        "keeps what speaks for a class on the chosen layer alone, and a class can win because more speaks against the "
        "others, or by the head's constants. A method with signs, such as integrated gradients, shows both sides."
    )


def _show_cell(row: ModelRow, kind: Method, explanation: Explanation | None, name: str, look: Look) -> None:
    classifier = row.answer.entry.classifier
    if classifier is not None and name not in classifier.card.classes:
        st.caption(quoted(f"{row.title} does not know this class."))
    elif explanation is None:
        st.html('<div class="ll-waiting"><span>first estimate to come</span></div>')
    else:
        _show_map(row, kind, explanation, name, look)


def _show_original(row: ModelRow, kind: Method, explanation: Explanation | None) -> None:
    view = row.answer.view
    if view is not None:
        seen = explanation.view if explanation is not None else view.rgb
        st.image(seen, width="stretch", alt=f"What {row.title} saw: the {FRAMINGS[row.answer.framing]}")
    st.html(f'<p class="ll-caption"><strong>{escape(row.title)}</strong></p>')
    map_job = row.jobs.get(kind.name)
    if map_job is not None:
        show_progress(map_job, explanation, row.title)
    if explanation is None:
        return
    st.download_button(
        "Values (npz)",
        lambda: values_npz(explanation),
        f"{row.name}-{kind.name}.npz",
        "application/octet-stream",
        key=f"values-{row.name}-{kind.name}",
        type="tertiary",
        icon=":material/download:",
        help="The raw maps of all classes, unscaled, as numpy arrays `values` and `native`, in the order of `classes`.",
        on_click="ignore",
    )


def _show_map(row: ModelRow, kind: Method, explanation: Explanation, name: str, look: Look) -> None:
    found = largest_values(explanation, name)
    stamp = row.jobs[kind.name].stamp(explanation) if kind.name in row.jobs else ""
    picture = shown_picture(stamp, explanation, name, look)
    style = "superpixels that speak for it, outlined" if look.style(kind.name) == "borders" else "map"
    st.image(picture, width="stretch", alt=f"{kind.title} of {row.title} for {name}, {style}: {', '.join(found)}")
    prediction = row.answer.prediction
    if prediction is None:
        return
    share = percent(float(prediction.probabilities[prediction.classes.index(name)]))
    named = f"<strong>{share}, named</strong>" if name == prediction.predicted else share
    about = "<br>".join(found)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="top", horizontal_alignment="distribute"):
        st.html(f'<p class="ll-caption">{named}<br>{about}</p>', width="content")
        st.download_button(
            ":material/download:",
            lambda: picture_png(picture_of(explanation, name, look)),
            f"{row.name}-{kind.name}-{name}.png",
            "image/png",
            key=f"png-{row.name}-{kind.name}-{name}",
            type="tertiary",
            help=quoted(f"Download as PNG: {kind.title} of {row.title} for {name}."),
            on_click="ignore",
        )
