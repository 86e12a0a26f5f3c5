"""The presenter's view, for a laptop beside the projector: the truth, the models' answers and the votes ahead of the
class, a note on each cell, and the next cell."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import InputError
from core.teaching.deck import MORPHOLOGY, DeckCell
from core.teaching.steps import AGAIN, LOBBY
from core.teaching.store import LONGEST_NOTE, ClassSession
from dashboard.classroom.answers import answers_to, cell_picture
from dashboard.classroom.screen import lead_buttons
from dashboard.classroom.shared import (
    POLL,
    ballots,
    class_store,
    say_where,
    show_bars,
    show_model_answers,
    told_here,
    without_navigation,
)
from dashboard.ui.format import quoted


def show_presenter(code: str, key: str) -> None:
    """Show the view, which follows the session by itself."""
    without_navigation()
    _presenter(code, key)


@st.fragment(run_every=POLL)
def _presenter(code: str, key: str) -> None:
    with told_here():
        session = class_store().session(code)
        if session.ended:
            st.rerun(scope="app")
        _show(session, key)
        lead_buttons(session, key)


def _show(session: ClassSession, key: str) -> None:
    here, ahead = st.columns([1.7, 1], gap="large")
    with here:
        if session.lobby:
            joined = len(ballots().participants(session.code))
            st.html(f'<p class="ll-class-where">{escape(session.title)}: {joined} joined</p>')
        else:
            say_where(session)
            _show_present(session, key)
    with ahead:
        if session.position + 1 < session.cells:
            _show_next(session)


def _show_present(session: ClassSession, key: str) -> None:
    cell = class_store().cell(session.code, session.position)
    counts, tally = ballots().counts(session.code, session.position), ballots().tally(session.code, session.position)
    picture, words = st.columns([1, 1.6])
    with picture:
        st.image(cell_picture(session.code, session.position), width="stretch", alt=f"Cell {session.position + 1}")
    with words:
        st.html(_told(cell))
        again = AGAIN in session.settings.steps
        second = f", {counts[2]} of them again" if again and session.past(AGAIN) else ""
        st.html(f'<p class="ll-sentence">{counts[1]} of {counts[0]} voted{second}.</p>')
        if session.settings.models:
            show_model_answers(answers_to(session, session.position), cell.label)
    show_bars(
        session.classes, tally[1], tally[2] if again and session.past(AGAIN) else None, cell.label,
        f"class-ahead-{session.position}",
    )  # fmt: skip
    name = f"class-note-{session.position}"
    st.text_area(
        "Note", cell.note, max_chars=LONGEST_NOTE, height=90, key=name, on_change=_note,
        args=(session.code, key, session.position, name), help="Only this view shows it. It is kept with the session.",
    )  # fmt: skip


def _note(code: str, key: str, position: int, name: str) -> None:
    try:
        class_store().note(code, key, position, st.session_state[name] or "")
    except InputError as error:
        st.session_state["class-lead-fault"] = str(error)


def _show_next(session: ClassSession) -> None:
    place = session.position + 1 if session.position != LOBBY else 0
    cell = class_store().cell(session.code, place)
    st.html(f'<p class="ll-title">Next: cell {place + 1}</p>')
    st.image(cell.png, width=220, alt=f"Cell {place + 1}")
    st.html(_told(cell))
    if cell.note:
        st.caption(quoted(cell.note))


def _told(cell: DeckCell) -> str:
    words = MORPHOLOGY.get(cell.label or "", "")
    return (
        f'<p class="ll-sentence"><strong>{escape(cell.label or "class not known")}</strong>. {escape(words)}</p>'
        f'<p class="ll-caption">{escape(cell.source)}</p>'
    )
