"""A student's view, on a phone: the cell, the classes to vote for, how sure, and what may be known at this step."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import InputError
from core.teaching.ballots import SURENESS, Participant, Vote
from core.teaching.deck import MORPHOLOGY
from core.teaching.steps import AGAIN, LOOK, MAPS, MODELS, ROUNDS, TRUTH, VOTE
from core.teaching.store import ClassSession
from dashboard.classroom.answers import answers_to
from dashboard.classroom.shared import (
    POLL,
    ballots,
    class_store,
    say_where,
    show_cell,
    show_class_maps,
    show_model_answers,
    told_here,
)
from dashboard.ui.format import quoted

FAULT = "class-vote-fault"
USUAL = 2  # how sure, where nothing was said
WAITING = {
    LOOK: "Look at the cell. The vote opens in a moment.",
    MODELS: "The vote has closed. This is what the models say; you may vote again in a moment.",
    MAPS: "The vote has closed. This is where the models looked.",
}


def show_student(code: str, participant: Participant) -> None:
    """Show the view, which follows the session by itself."""
    _student(code, participant)


@st.fragment(run_every=POLL)
def _student(code: str, participant: Participant) -> None:
    with told_here():
        session = class_store().session(code)
        if session.ended:
            st.rerun(scope="app")
        _show(session, participant)


def _show(session: ClassSession, participant: Participant) -> None:
    if session.lobby:
        st.html(f'<p class="ll-class-where">You are in, {escape(participant.nickname)}.</p>')
        st.info("The session begins in a moment. Keep this page open.", icon=":material/hourglass_top:")
        return
    say_where(session)
    show_cell(session.code, session.position)
    own = ballots().own_votes(session.code, participant.token, session.position)
    if session.step in ROUNDS:
        _ask(session, participant, own)
    elif session.step in WAITING:
        st.html(f'<p class="ll-sentence">{WAITING[session.step]}</p>')
    _say_own(session, own)
    _show_models(session)
    fault = st.session_state.pop(FAULT, "")
    if fault:  # whatever the step is now: a vote may be refused because it has changed
        st.warning(quoted(fault), icon=":material/block:")
    st.html(f'<p class="ll-caption">{escape(participant.nickname)}</p>')


def _ask(session: ClassSession, participant: Participant, own: dict[int, Vote]) -> None:
    """The classes as buttons; the one that was voted for stands out, and another click changes the vote."""
    number = ROUNDS[session.step]
    vote = own.get(number)
    sure = f"class-sure-{session.position}-{number}"
    facts = (session.code, participant.token, session.position, session.step)
    words = "Which cell is it?" if session.step == VOTE else "The models have answered. Which cell is it?"
    st.html(f'<p class="ll-sentence">{words}</p>')
    if sure not in st.session_state:
        st.session_state[sure] = vote.sureness if vote is not None else USUAL
    st.segmented_control(
        "How sure are you?", list(SURENESS), key=sure, format_func=SURENESS.__getitem__, required=True,
        on_change=_vote, args=(*facts, vote.label if vote is not None else "", sure),
    )  # fmt: skip
    for place, name in enumerate(session.classes):
        chosen = vote is not None and vote.label == name
        st.button(
            quoted(name), key=f"class-vote-{session.position}-{number}-{place}", width="stretch",
            type="primary" if chosen else "secondary", icon=":material/check:" if chosen else None,
            on_click=_vote, args=(*facts, name, sure),
        )  # fmt: skip
    if vote is not None:
        st.caption("Your vote is in. You may change it until the step closes.")
    elif session.step == AGAIN:
        st.caption("Vote again, for the same class or another one. If you do not, your first vote stands.")


def _vote(code: str, token: str, position: int, step: str, label: str, sure: str) -> None:
    if not label:
        return
    try:
        ballots().vote(code, token, position, step, label, st.session_state.get(sure) or USUAL)
    except InputError as error:
        st.session_state[FAULT] = str(error)


def _say_own(session: ClassSession, own: dict[int, Vote]) -> None:
    """What the student voted, and at the end what it is."""
    told = [f"You said {own[1].label}" if 1 in own else "You did not vote"]
    if 2 in own:
        told.append(f"then {own[2].label}")
    if session.step not in ROUNDS and session.step != LOOK:
        st.html(f'<p class="ll-sentence">{escape(", ".join(told))}.</p>')
    if session.step == TRUTH:
        label = class_store().cell(session.code, session.position).label
        words = "Nobody told this deck what the cell is." if label is None else f"It is: {label}."
        st.html(f'<p class="ll-class-truth">{escape(words)}</p><p>{escape(MORPHOLOGY.get(label or "", ""))}</p>')


def _show_models(session: ClassSession) -> None:
    if not session.settings.models or not session.past(MODELS):
        return
    answers = answers_to(session, session.position)
    truth = class_store().cell(session.code, session.position).label if session.step == TRUTH else None
    show_model_answers(answers, truth)
    if session.settings.methods and session.past(MAPS):
        show_class_maps(session, answers)


def show_farewell(code: str, participant: Participant) -> None:
    """Say that the session has ended, and how many of the student's own votes were right."""
    labels = class_store().labels(code)
    own = [vote for vote in ballots().votes(code, token=participant.token) if labels[vote.position] is not None]
    first = [vote for vote in own if vote.round == 1]
    right = sum(vote.label == labels[vote.position] for vote in first)
    st.html(f'<p class="ll-class-where">The session has ended. Thank you, {escape(participant.nickname)}.</p>')
    if first:
        st.html(f'<p class="ll-sentence">{right} of your {len(first)} first votes were right.</p>')
        second = [vote for vote in own if vote.round == 2]
        again = sum(vote.label == labels[vote.position] for vote in second)
        if second:
            st.html(f'<p class="ll-sentence">After the models had answered, {again} of {len(second)} were.</p>')
