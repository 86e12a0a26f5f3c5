"""The teacher's screen, for a projector: the code to join, then each cell with the number of votes, the bars of votes,
and who changed. Space goes on, T tells the truth."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import InputError
from core.teaching.ballots import Vote
from core.teaching.deck import MORPHOLOGY, DeckCell
from core.teaching.steps import AGAIN, LOOK, MAPS, MODELS, TRUTH, VOTE
from core.teaching.store import ClassSession
from dashboard.access import LOCAL
from dashboard.classroom.answers import answers_to, prepare
from dashboard.classroom.shared import (
    POLL,
    ballots,
    class_link,
    class_store,
    say_where,
    show_bars,
    show_cell,
    show_class_maps,
    show_model_answers,
    told_here,
    without_navigation,
)
from dashboard.share import qr_code
from dashboard.ui.format import quoted

FAULT = "class-lead-fault"
PREPARED = "class-prepared"


def show_screen(code: str, key: str) -> None:
    """Show the screen, which follows the session by itself."""
    without_navigation()
    _screen(code, key)


@st.fragment(run_every=POLL)
def _screen(code: str, key: str) -> None:
    with told_here():
        session = class_store().session(code)
        if session.ended:
            st.rerun(scope="app")
        with st.container(key="class-screen"):
            (_lobby if session.lobby else _cell)(session)
        lead_buttons(session, key)
        _prepare(session)


def lead_buttons(session: ClassSession, key: str) -> None:
    """Next, Truth and End; a key pressed twice goes one step, for the button carries the step that it was shown in."""
    facts = (session.code, key, session.tick)
    last = session.position == session.cells - 1 and session.step == TRUTH
    words = "Begin" if session.lobby else "To the report" if last else "Next"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="class-lead"):
        st.button(words, type="primary", shortcut="Space", key="class-next", on_click=_go_on, args=(*facts, ""))
        if not session.lobby:
            st.button(
                "Truth", shortcut="T", key="class-truth", on_click=_go_on, args=(*facts, TRUTH),
                disabled=session.step == TRUTH,
            )  # fmt: skip
        with st.popover("More", icon=":material/more_horiz:", key="class-more"):
            st.button("End the session", key="class-end", on_click=_go_on, args=(*facts, "end"))
            st.caption("Then comes the report of the cells so far. Nobody can vote any more.")
    fault = st.session_state.pop(FAULT, "")
    if fault:
        st.error(quoted(fault), icon=":material/block:")


def _go_on(code: str, key: str, seen: int, to: str) -> None:
    try:
        class_store().go_on(code, key, seen, to)
    except InputError as error:
        st.session_state[FAULT] = str(error)


def _prepare(session: ClassSession) -> None:
    """While the class looks and votes, ask the models, a little at each look, after everything is on the screen."""
    if session.lobby or session.step not in (LOOK, VOTE):
        return
    place = (session.code, session.position)
    before, done = st.session_state.get(PREPARED, (place, 0))
    done, pieces = prepare(session, done if before == place else 0)
    st.session_state[PREPARED] = (place, done)
    if done < pieces:
        st.caption(f"The models get ready: {done} of {pieces}")


def _lobby(session: ClassSession) -> None:
    address = class_link(session.code)
    people = ballots().participants(session.code)
    words, picture = st.columns([1.6, 1], gap="large")
    with words:
        st.html(
            f'<p class="ll-class-where">{escape(session.title)}</p><p class="ll-class-code">{session.code}</p>'
            f'<p class="ll-class-count">{len(people)} joined</p>'
        )
        if address:
            st.code(address, language=None, wrap_lines=True)
        names = ", ".join(escape(one.nickname) for one in people)
        st.html(f'<p class="ll-class-names">{names}</p>')
    with picture:
        if address and st.context.url and _hostname(address) not in LOCAL:
            st.image(qr_code(address), width=320, alt="QR code of the link to join")
        elif address:
            st.caption("This address works on this machine alone. `make run ADDRESS=0.0.0.0` lets other machines in.")


def _hostname(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].partition(":")[0]


def _cell(session: ClassSession) -> None:
    cell = class_store().cell(session.code, session.position)
    left, right = st.columns([1.1, 1], gap="large")
    with left:
        show_cell(session.code, session.position)
    with right:
        say_where(session, cell if session.step == TRUTH else None)
        _counts(session)
        _bars(session, cell)
        answers = answers_to(session, session.position) if session.past(MODELS) and session.settings.models else []
        if answers:
            show_model_answers(answers, cell.label if session.step == TRUTH else None)
        if session.step == TRUTH:
            show_truth(cell)
    if session.step in (MAPS, TRUTH) and answers:
        show_class_maps(session, answers)
    st.html(f'<p class="ll-caption">Join with {session.code}</p>')


def _counts(session: ClassSession) -> None:
    counts = ballots().counts(session.code, session.position)
    voted = counts[2] if session.step == AGAIN else counts[1]
    if session.step in (VOTE, AGAIN):
        st.html(f'<p class="ll-class-count">{voted} of {counts[0]} voted</p>')
    elif session.step == LOOK:
        st.html(f'<p class="ll-class-count">{counts[0]} joined</p>')


def _bars(session: ClassSession, cell: DeckCell) -> None:
    """The bars, once their vote has closed; then how many changed, and with the truth whether for better."""
    if not session.past(MODELS):
        return
    tally, truth = ballots().tally(session.code, session.position), cell.label if session.step == TRUTH else None
    after = tally[2] if AGAIN in session.settings.steps and session.past(MAPS) else None
    show_bars(session.classes, tally[1], after, truth, f"class-bars-{session.position}-{session.step}")
    if after is not None:
        votes = ballots().votes(session.code, session.position)
        st.html(f'<p class="ll-class-change">{escape(change_words(votes, truth))}</p>')


def change_words(votes: list[Vote], truth: str | None) -> str:
    """How many changed their vote after the models' answers, and, where the truth is told, whether for better."""
    pairs: dict[int, dict[int, str]] = {}
    for vote in votes:
        pairs.setdefault(vote.number, {})[vote.round] = vote.label
    moved = [(found[1], found[2]) for found in pairs.values() if len(found) == 2 and found[1] != found[2]]
    told = f"{len(moved)} changed their vote"
    if truth is None or not moved:
        return f"{told}."
    better = sum(after == truth for _, after in moved)
    worse = sum(before == truth for before, _ in moved)
    return f"{told}: {better} to the right class, {worse} away from it."


def show_truth(cell: DeckCell) -> None:
    """Tell the class of the cell, and what it is known by; a cell of which nobody knows it has none."""
    if cell.label is None:
        st.html('<p class="ll-class-truth">Nobody told this deck what the cell is: discuss.</p>')
        return
    words = MORPHOLOGY.get(cell.label, "")
    st.html(f'<p class="ll-class-truth">{escape(cell.label)}</p><p class="ll-class-change">{escape(words)}</p>')
