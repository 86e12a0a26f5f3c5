"""What is kept back from a reader who is to look first: the true class, until it is revealed, picture by picture; and
with “Guess first” the models' answers, until they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from dashboard import state
from dashboard.ui.format import quoted

REVEALED, ASKED, GUESSES = "revealed", "models-asked", "guesses"


def told(key: str) -> bool:
    """Whether the true class of this picture may be told."""
    return state.get("truth") or key in revealed()


def revealed() -> frozenset[str]:
    """The pictures whose class was told in this session."""
    return st.session_state.get(REVEALED, frozenset())


def reveal(key: str) -> None:
    """Tell the true class of one picture from now on."""
    st.session_state[REVEALED] = revealed() | {key}


def note_seen(key: str) -> None:
    """Take note that a picture is looked at: with the truth switched on, its class has then been told."""
    if state.get("truth") and key not in revealed():
        reveal(key)


def answers_hidden(key: str) -> bool:
    """Whether the models' answers to this picture wait for the reader's own."""
    return state.get("guess") and key not in st.session_state.get(ASKED, frozenset())


def guess_of(key: str) -> str | None:
    """What the reader called this picture before the models answered, if anything."""
    return st.session_state.get(GUESSES, {}).get(key)


def ask_for_a_guess(key: str, classes: Sequence[str]) -> None:
    """Show, in place of the answers, the classes to choose from and a button that asks the models."""
    st.html('<p class="ll-sentence">Which cell is it? The models answer when you have looked.</p>')
    st.pills("Your guess", list(classes), format_func=quoted, key=f"guess-{key}", on_change=_take, args=(key,))
    st.button("Ask the models", key="ask-models", type="primary", on_click=_ask, args=(key,))


def _take(key: str) -> None:
    st.session_state[GUESSES] = {**st.session_state.get(GUESSES, {}), key: st.session_state[f"guess-{key}"]}


def _ask(key: str) -> None:
    st.session_state[ASKED] = st.session_state.get(ASKED, frozenset()) | {key}


def say_guess(key: str, truth: str | None) -> None:
    """Say what the reader had called the picture, beside what the models say; `truth` is its class where told."""
    guess = guess_of(key)
    if guess is None or answers_hidden(key):
        return
    judged = "" if truth is None else ", which is right" if guess == truth else ", which is wrong"
    st.html(f'<p class="ll-sentence">You said {escape(guess)}{judged}.</p>')
