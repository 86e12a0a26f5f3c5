"""The Laboratory page: a drawn cell with its controls, the answers of all models, and three experiments on it; or the
picture that the other pages look at, changed part by part within estimated masks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import InputError
from core.laboratory.interventions import (
    INTERVENTIONS,
    PLACES,
    REMOVALS,
    WAYS,
    change_within,
    estimated_parts,
    intervene,
)
from core.simulation import CellDesign, SimulatedCell, draw
from dashboard import state
from dashboard.answers import Answer, ask
from dashboard.images import Subject, chosen_image
from dashboard.laboratory.changes import show_changes
from dashboard.laboratory.controls import design_form
from dashboard.laboratory.dose import show_doses
from dashboard.laboratory.parts import show_parts
from dashboard.models import ModelEntry, chosen_names, entry, known_classes
from dashboard.truth import answers_hidden, ask_for_a_guess
from dashboard.ui.format import duration, percent, quoted
from dashboard.ui.html import fitted, table
from dashboard.url import TRAINED, default_parameters

Rgb = NDArray[np.uint8]
DRAWN, CHOSEN = "A drawn cell", "The chosen picture"
CHANGES, DOSES, PARTS = "Interventions", "Dose and answer", "Maps and causes"
FIRST_CHANGES = (*(one.name for one in REMOVALS.values()), "filled-lobes", "nucleus-lymphocyte", "background-yellow")
SIDE = 300  # px of the cell on the page
MOST_SIDE = 1024  # px of a picture that is changed by mask: no model is shown more
LEAD = "Take a cell apart: change one part, and see what that does to each model's answer."


def show_laboratory() -> None:
    """Choose what is taken apart, and show it."""
    st.markdown(LEAD)
    kind = st.segmented_control(
        "What is taken apart", (DRAWN, CHOSEN), default=DRAWN, required=True, key="laboratory-kind",
        label_visibility="collapsed",
    )  # fmt: skip
    chosen = chosen_image()
    if kind == CHOSEN and chosen.message:
        st.warning(chosen.message, icon=":material/link_off:")
    names = chosen_names()
    if not names:
        st.info("No model is switched on. Switch one on under “Models”.", icon=":material/toggle_off:")
    if kind == CHOSEN:
        _real_bench(chosen.subject, names)
    else:
        _drawn_bench(names)


@st.fragment
def _drawn_bench(names: Sequence[str]) -> None:
    """Controls beside the cell and what is done with it; a moved control redraws this part alone."""
    entries = [entry(name) for name in names]
    panel, work = st.columns([1, 2.6], gap="medium")
    with panel, st.container(key="panel", gap="small"):
        design_form()
    design, seed = state.get("drawn"), state.get("drawing")
    with work:
        cell = drawn_cell(design.model_dump_json(), seed, design)
        _show_answers(subject_of_drawing(design, seed, cell.image), entries)
        what = st.segmented_control(
            "Experiment", (CHANGES, DOSES, PARTS), default=CHANGES, required=True, key="laboratory-experiment"
        )
        if entries:
            _experiment(str(what), design, cell, entries)
    state.write_address()


def _experiment(what: str, design: CellDesign, cell: SimulatedCell, entries: Sequence[ModelEntry]) -> None:
    able = [one for one in entries if one.classifier is not None]
    classifiers = [one.classifier for one in able if one.classifier is not None]
    titles = [one.title for one in able]
    if what == PARTS:
        show_parts(classifiers, titles)
        return
    label = _choose_class(entries, design.label)
    if what == DOSES:
        show_doses(classifiers, titles, label)
        return
    wanted = st.multiselect(
        "Changes", list(INTERVENTIONS), default=list(FIRST_CHANGES), key="laboratory-interventions",
        format_func=lambda name: INTERVENTIONS[name].title,
    )  # fmt: skip
    changed = _changed(design.model_dump_json(), cell.seed, tuple(wanted), design, cell)
    show_changes(cell.image, changed, entries, label)


@st.cache_resource(show_spinner=False, max_entries=16, scope="session")
def drawn_cell(key: str, seed: int, _design: CellDesign) -> SimulatedCell:
    """The cell of a design, whose JSON is `key`."""
    return draw(_design, seed)


@st.cache_resource(show_spinner=False, max_entries=8, scope="session")
def _changed(key: str, seed: int, names: tuple[str, ...], _design: CellDesign, _cell: SimulatedCell) -> dict[str, Rgb]:
    return {INTERVENTIONS[name].title: intervene(_design, _cell, name) for name in names}


def subject_of_drawing(design: CellDesign, seed: int, rgb: Rgb) -> Subject:
    """A drawn cell as the models are asked about it."""
    digest = hashlib.sha256(rgb.tobytes()).hexdigest()
    return Subject("drawn", f"Drawn {design.label}, number {seed}", rgb, digest, True, design.label, "")


def _show_answers(subject: Subject, entries: Sequence[ModelEntry]) -> None:
    """The cell, and beside it what each model names it, how surely and in what time."""
    picture, told = st.columns([1, 1.6], gap="medium")
    with picture:
        st.image(subject.rgb, width=SIDE, alt=subject.alt)
        st.html(f'<p class="ll-caption">{escape(subject.title)}</p>')
    with told:
        if not entries:
            return
        with st.spinner("Asking the models", show_time=True):
            answers = [ask(one, subject, TRAINED, default_parameters()) for one in entries]
        heads = [f'<th scope="col">{head}</th>' for head in ("model", "names it", "probability", "time")]
        st.html(table("What each model names the cell", heads, [_answer_row(answer) for answer in answers]))
        if any(answer.view is not None and not answer.view.found for answer in answers):
            st.caption("No cell found: the whole frame is shown to the models.")


def _answer_row(answer: Answer) -> str:
    title, said = escape(answer.entry.title), answer.prediction
    if said is None:
        return f'<tr><th scope="row">{title}</th><td colspan="3">{escape(answer.fault)}</td></tr>'
    cells = (said.predicted, percent(said.confidence), duration(said.seconds))
    return f'<tr><th scope="row">{title}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _choose_class(entries: Sequence[ModelEntry], first: str) -> str:
    """The class whose probability is looked at: at first `first`, where a model knows it."""
    classes = known_classes(entries) or (first,)
    start = classes.index(first) if first in classes else 0
    return str(
        st.selectbox(
            "Probability of", classes, index=start, format_func=quoted, key=f"laboratory-class-{first}", width=220
        )
    )


@st.fragment
def _real_bench(subject: Subject, names: Sequence[str]) -> None:
    """The chosen picture, and changes to its parts by mask."""
    entries = [entry(name) for name in names]
    if answers_hidden(subject.key):
        st.image(subject.rgb, width=SIDE, alt=subject.alt)
        ask_for_a_guess(subject.key, known_classes(entries))
        return
    _show_answers(subject, entries)
    rgb = fitted(subject.rgb, MOST_SIDE)
    try:
        parts = estimated_parts(rgb)
    except InputError as error:
        st.warning(quoted(str(error)), icon=":material/search_off:")
        return
    with st.container(horizontal=True, gap="medium"):
        places = st.pills("Parts", PLACES, selection_mode="multi", default=list(PLACES), key="laboratory-places")
        ways = st.pills("Changes", list(WAYS), selection_mode="multi", default=["paint"], key="laboratory-ways")
    if entries:
        label = _choose_class(entries, _named_most(subject, entries))
        show_changes(rgb, _masked_changes(rgb, parts, places, ways), entries, label)
    st.caption("The parts are estimated from the picture's colours, and may miss.")


def _masked_changes(
    rgb: Rgb, parts: Mapping[str, NDArray[np.bool_]], places: Sequence[str], ways: Sequence[str]
) -> dict[str, Rgb]:
    return {
        f"{place.capitalize()} {WAYS[way]}": change_within(rgb, parts, place, way) for place in places for way in ways
    }


def _named_most(subject: Subject, entries: Sequence[ModelEntry]) -> str:
    """The class that most models name; the first of equals."""
    answers = [ask(one, subject, TRAINED, default_parameters()).prediction for one in entries]
    named = [answer.predicted for answer in answers if answer is not None]
    return max(named, key=named.count) if named else ""
