"""The Class page: who has which link sees what. A teacher opens a session or leads it, a student joins and votes, a
presenter reads notes; without a link it asks for a code, or opens a session."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import InputError
from core.teaching.ballots import LONGEST_NICKNAME
from core.teaching.store import CODE_LENGTH, ClassSession, read_code
from dashboard import uploads
from dashboard.classroom.opening import offer_session, own_sessions
from dashboard.classroom.presenter import show_presenter
from dashboard.classroom.report import show_report
from dashboard.classroom.screen import show_screen
from dashboard.classroom.shared import CODE, KEY, ballots, class_store, without_navigation
from dashboard.classroom.student import show_farewell, show_student
from dashboard.ui.format import quoted

FAULT = "class-join-fault"


def show_class() -> None:
    """Show what the page's address opens; what is wrong with it is said, above the ways in."""
    code, key = st.query_params.get(CODE, ""), st.query_params.get(KEY, "")
    if not code:
        _show_ways_in()
        return
    try:
        session = class_store().session(read_code(code))
        _show_session(session, key)
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/link_off:")
        _show_ways_in()


def _show_session(session: ClassSession, key: str) -> None:
    teacher = session.is_teacher(key) or (not key and session.opened_by(uploads.owner()))
    if teacher or session.leads(key):
        if session.ended:
            show_report(session, session.key if teacher else "")
        elif teacher:
            show_screen(session.code, session.key)
        else:
            show_presenter(session.code, key)
        return
    without_navigation()
    participant = ballots().participant(session.code, key) if key else None
    if participant is not None:
        (show_farewell if session.ended else show_student)(session.code, participant)
    elif session.ended:
        st.info("This session has ended: nobody can join it any more.", icon=":material/event_busy:")
    else:
        if key:
            st.warning("This link is nobody's in this session. Join it anew.", icon=":material/link_off:")
        st.html(f'<p class="ll-class-where">{escape(session.title)}</p>')
        _ask_to_join(session.code)


def _show_ways_in() -> None:
    joining, opening = st.columns([1, 1.6], gap="large")
    with joining:
        st.html('<p class="ll-title">Join a session</p>')
        _ask_to_join("")
    with opening:
        st.html('<p class="ll-title">Open a session</p>')
        offer_session()
        own_sessions()


def _ask_to_join(code: str) -> None:
    """Ask for the code, where the link did not bring it, and for a nickname; no account, nothing else."""
    if not code:
        st.text_input("Code", key="class-code", max_chars=4 * CODE_LENGTH, placeholder="as on the screen", width=300)
    st.text_input(
        "Nickname", key="class-nickname", max_chars=LONGEST_NICKNAME, placeholder="or leave it empty", width=300,
        help="The teacher's screen and report show it. Choose one that does not tell who you are, if you like.",
    )  # fmt: skip
    st.button("Join", type="primary", key="class-join", on_click=_join, args=(code,))
    fault = st.session_state.pop(FAULT, "")
    if fault:
        st.error(quoted(fault), icon=":material/block:")


def _join(code: str) -> None:
    try:
        wanted = code or read_code(st.session_state.get("class-code") or "")
        class_store().session(wanted)
        found = ballots().join(wanted, st.session_state.get("class-nickname") or "", uploads.owner())
    except InputError as error:
        st.session_state[FAULT] = str(error)
        return
    st.query_params.from_dict({CODE: wanted, KEY: found.token})
