"""The Practice page: a cell, five names to choose from, and at once what it was, what a model says, and where that
looked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from html import escape

import streamlit as st

from core.classes import CLASSES
from core.errors import InputError
from core.practice.morphology import distinction
from core.practice.run import MOST_RUNS, PracticeRun, begin_practice
from dashboard.answers import caution
from dashboard.images import Subject
from dashboard.live import map_of_named_class
from dashboard.models import names, title
from dashboard.practice.cells import (
    SIMULATED,
    PracticeCell,
    cells_from,
    shown_subject,
    source_title,
    sources,
    truths_of,
)
from dashboard.practice.record import keep, keep_in_browser, own_record, show_record, take_from_browser
from dashboard.state import kept_option
from dashboard.ui.format import quoted
from dashboard.ui.html import fitted, mark_of_truth, no_verdict, squared, verdict

SESSION, FAULT = "practice-session", "practice-source-fault"
SIDE = 520  # px of the cell at most
LENGTHS = (10, 20, 50)
LEAD = (
    "Name the cell. What it is comes at once, with a model's answer and where that looked; a cell that you missed "
    "comes back a few cells later, until it is right."
)


@dataclass(frozen=True)
class PracticeSession:
    """A run under way: its cells, whether they are simulated, and whether the last answer is being told.

    `asked` are the places of cells of which the model's answer was counted.
    """

    cells: tuple[PracticeCell, ...]
    simulated: bool
    run: PracticeRun
    telling: bool = False
    asked: frozenset[int] = frozenset()


def show_practice() -> None:
    """Show the choice of cells, then the cell to name or what was found, then one's own figures."""
    take_from_browser()
    st.html(f'<p class="ll-sentence">{LEAD}</p>')
    model = _choose()
    session: PracticeSession | None = st.session_state.get(SESSION)
    if st.session_state.get(FAULT):
        st.warning(quoted(st.session_state[FAULT]), icon=":material/block:")
    if session is None:
        st.info("Begin a run: the cells are drawn anew each time.", icon=":material/play_circle:")
    elif session.telling:
        _tell(session, model)
    elif session.run.now is None:
        _show_end(session)
    else:
        _ask(session)
    show_record()
    keep_in_browser()


def _choose() -> str:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="practice-choice"):
        st.selectbox(
            "Cells", sources(), format_func=lambda name: quoted(source_title(name)), width=300,
            help="Uploads count where their folder is named after a class, or where they were labelled on Fit. Data "
            "sets are those below LEUKOLENS_DATA, where server and browser are one machine.",
            **kept_option("practice-source", sources(), SIMULATED),
        )  # fmt: skip
        st.selectbox("How many", LENGTHS, width=110, **kept_option("practice-length", list(LENGTHS), LENGTHS[0]))
        options = list(names())
        first = "mobilenet_v3_small" if "mobilenet_v3_small" in options else options[0]
        model = st.selectbox(
            "Model beside you", options, format_func=lambda name: quoted(title(name)), width=240,
            help="Its answer comes after yours, with its Grad-CAM map of the class that it names.",
            **kept_option("practice-model", options, first),
        )  # fmt: skip
        going_on = st.session_state.get(SESSION) is not None
        st.button(
            "Begin anew" if going_on else "Begin",
            key="practice-begin",
            type="secondary" if going_on else "primary",
            icon=":material/play_circle:",
            on_click=_begin,
        )
    return str(model)


def _begin() -> None:
    source = st.session_state["training-practice-source"]
    st.session_state[FAULT] = ""
    try:
        cells = cells_from(source, st.session_state["training-practice-length"], secrets.randbelow(MOST_RUNS))
        st.session_state[SESSION] = PracticeSession(cells, source == SIMULATED, begin_practice(truths_of(cells)))
    except InputError as error:
        st.session_state[FAULT] = str(error)


def _ask(session: PracticeSession) -> None:
    place = session.run.now
    assert place is not None
    picture, question = st.columns([1.2, 1], gap="large")
    try:
        subject = shown_subject(session.cells[place], place + 1)
    except InputError as error:
        st.warning(str(error), icon=":material/image_not_supported:")
        st.button("Skip", key="practice-skip", on_click=_skip)
        return
    with picture:
        _show_cell(session, subject)
    with question:
        _say_where(session)
        st.html('<p class="ll-title">Which cell is it?</p>')
        for number, name in enumerate(CLASSES, start=1):
            st.button(
                name, key=f"practice-{name}", width=220, shortcut=str(number), on_click=_answer,
                args=(name,),
            )  # fmt: skip


def _show_cell(session: PracticeSession, subject: Subject) -> None:
    st.html(f'<p class="ll-title">{subject.title}</p>')
    st.image(fitted(squared(subject.rgb), SIDE), width=SIDE, alt=subject.alt, output_format="PNG")
    if session.simulated:
        st.caption("Simulated, not a photograph.")


def _say_where(session: PracticeSession) -> None:
    run = session.run
    shown = set() if session.telling or run.now is None else {run.now}
    seen = len({answer.place for answer in run.given} | shown)
    back = f"; {run.missed} missed to come back" if run.missed else ""
    st.caption(f"{seen} of {len(run.truths)} cells{back}")


def _skip() -> None:
    session: PracticeSession = st.session_state[SESSION]
    st.session_state[SESSION] = replace(session, run=session.run.skipped())


def _answer(named: str) -> None:
    session: PracticeSession = st.session_state[SESSION]
    if session.telling or session.run.now is None:
        return  # a key pressed twice
    truth = session.run.truths[session.run.now]
    run = session.run.answered(named)
    first = run.given[-1].first
    keep(own_record().with_change(session.simulated, lambda tally: tally.counted(truth, named, first)))
    st.session_state[SESSION] = replace(session, run=run, telling=True)


def _next() -> None:
    st.session_state[SESSION] = replace(st.session_state[SESSION], telling=False)


def _tell(session: PracticeSession, model: str) -> None:
    """Say whether it was right, what shows it, what the model says and where it looked."""
    given = session.run.given[-1]
    truth = session.run.truths[given.place]
    picture, told = st.columns([1.2, 1], gap="large")
    try:
        subject = shown_subject(session.cells[given.place], given.place + 1)
    except InputError as error:
        st.warning(str(error), icon=":material/image_not_supported:")
        subject = None
    with told:
        _say_where(session)
        st.html(mark_of_truth(given.named, truth))
        said = "" if given.named == truth else f" You said {given.named}; it comes back."
        article = "an" if truth.startswith("e") else "a"
        st.html(f'<p class="ll-sentence">It is {article} <strong>{truth}</strong>.{said}</p>')
        st.html(f'<p class="ll-lead">{escape(distinction(truth, given.named))}</p>')
        st.button("Next", key="practice-next", type="primary", icon=":material/arrow_forward:", shortcut="Enter",
                  on_click=_next)  # fmt: skip
        if subject is not None:
            _show_model(session, model, subject, truth)
    if subject is not None:
        with picture:
            _show_cell(session, subject)


def _show_model(session: PracticeSession, model: str, subject: Subject, truth: str) -> None:
    with st.spinner(f"Asking {title(model)}"):
        found = map_of_named_class(model, subject)
    answer, prediction = found.answer, found.answer.prediction
    st.html(f'<p class="ll-title">{escape(answer.entry.title)} says</p>')
    if prediction is None or answer.view is None:
        st.warning(quoted(answer.fault or found.fault), icon=":material/block:")
        return
    say = verdict if answer.view.found else no_verdict
    st.html(
        say(prediction.predicted, prediction.confidence)
        + mark_of_truth(prediction.predicted, truth if answer.view.found else None)
    )
    if found.picture is not None:
        st.image(found.picture, width=260, alt=f"Grad-CAM of {answer.entry.title} for {prediction.predicted}")
        st.caption(
            f"Grad-CAM for {quoted(prediction.predicted)}, {found.words}: where it found evidence, on a coarse grid. "
            "No proof that it reasons as you do."
        )
    elif found.fault:
        st.caption(quoted(found.fault))
    if caution(answer):
        st.caption(f":orange[:material/warning:] {quoted(caution(answer))}")
    _count_model(session, model, truth, prediction.predicted)


def _count_model(session: PracticeSession, model: str, truth: str, named: str) -> None:
    """Count the model's answer once a cell, on the first look, as one's own is."""
    given = session.run.given[-1]
    if not given.first or given.place in session.asked:
        return
    keep(own_record().with_change(session.simulated, lambda tally: tally.with_model(model, truth, named)))
    st.session_state[SESSION] = replace(session, asked=session.asked | {given.place})


def _show_end(session: PracticeSession) -> None:
    first = [answer for answer in session.run.given if answer.first]
    right = sum(session.run.truths[answer.place] == answer.named for answer in first)
    st.success(
        f"The run is over: {right} of {len(first)} cells named right at first sight. Begin anew for other cells.",
        icon=":material/check_circle:",
    )
