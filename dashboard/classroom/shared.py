"""What all views of a session share: where sessions are kept, the links that open them, its pictures, bars of votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from core.errors import InputError
from core.teaching.ballots import Ballots
from core.teaching.deck import DeckCell
from core.teaching.steps import STEP_NAMES, TRUTH
from core.teaching.store import ClassSession, ClassStore, ModelAnswer
from dashboard.classroom.answers import cell_picture, class_map
from dashboard.ui import charts
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import class_colour

CODE, KEY = "class", "key"  # the two parameters of the page's address
POLL = 1.5  # s between two looks at where the session is: a step and a vote are seen within 2 s
LARGE_TYPE = 20  # px of type in a chart on a projector
BAR = 44  # px of a class's bars
BEFORE_INK = "rgba(133, 129, 142, 0.55)"


def class_store() -> ClassStore:
    """The sessions of this server."""
    return ClassStore()


def ballots() -> Ballots:
    """Their participants and votes."""
    return Ballots(class_store())


def class_link(code: str, key: str = "") -> str:
    """The address that opens a session, with a secret one in somebody's place; "" where the browser told none."""
    parts = urlsplit(st.context.url or "")
    if parts.scheme not in ("http", "https"):
        return ""
    query = urlencode({CODE: code, **({KEY: key} if key else {})})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


@contextmanager
def told_here() -> Iterator[None]:
    """Whatever cannot be read or written here is told here; the view looks again by itself."""
    try:
        yield
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/link_off:")


def without_navigation() -> None:
    """Leave out what leads to other pages, which show answers; and do not fade what is on the page at each look."""
    st.html(
        "<style>.st-key-navigation, .ll-lead, [data-testid='stStatusWidget'] { display: none; }"
        "[data-stale='true'] { opacity: 1 !important; transition: none !important; }</style>"
    )


def show_cell(code: str, position: int) -> None:
    """Show the cell alone; nothing about it but its number."""
    with st.container(key="class-cell"):
        st.image(cell_picture(code, position), width="stretch", alt=f"Cell {position + 1}: a stained blood smear")


def say_where(session: ClassSession, cell: DeckCell | None = None) -> None:
    """Say which cell and which step it is; a cell whose class nobody knows has a discussion in place of the truth."""
    name = STEP_NAMES[session.step]
    if session.step == TRUTH and cell is not None and cell.label is None:
        name = "Discussion"
    st.html(f'<p class="ll-class-where">Cell {session.position + 1} of {session.cells}: <strong>{name}</strong></p>')


def show_model_answers(answers: list[ModelAnswer], truth: str | None = None) -> None:
    """Show what the models said, one line each; whether they were right where the truth is told."""
    lines = []
    for one in answers:
        if not one.label:
            lines.append(f"<li>{escape(one.title)}: {escape(one.fault)}</li>")
            continue
        judged = "" if truth is None else " ✓ right" if one.label == truth else " ✗ wrong"
        sure = percent(one.probabilities.get(one.label, 0.0))
        mark = f'<span class="ll-mark" style="background:{class_colour(one.label)}"></span>'
        lines.append(f"<li>{mark} {escape(one.title)}: <strong>{escape(one.label)}</strong> {sure}{judged}</li>")
    st.html(f'<ul class="ll-class-answers">{"".join(lines)}</ul>')


def show_class_maps(session: ClassSession, answers: list[ModelAnswer]) -> None:
    """Show where each model looked for the class that it named, by each of the session's methods."""
    with st.container(horizontal=True, gap="small", key="class-maps"):
        for one in answers:
            for method in session.settings.methods if one.label else ():
                found = class_map(session.code, session.position, one.model, method)
                with st.container(width=190, gap="xsmall"):
                    if found.png:
                        st.image(found.png, width="stretch", alt=f"{found.title} of {one.title}")
                    st.caption(quoted(f"{one.title}, {found.title}: {found.told}"))


def show_bars(
    classes: tuple[str, ...], before: Mapping[str, int], after: Mapping[str, int] | None, truth: str | None, key: str
) -> None:
    """Show the votes for each class: before the models' answers, and after them where there was a second vote."""
    names = [f"{name} ✓" if truth is not None and name == truth else name for name in classes]
    figure = charts.empty_figure(BAR * len(classes) * (2 if after is not None else 1) // 2 + 60, 1)
    rounds = [("before", before, [BEFORE_INK] * len(classes) if after is not None else _inks(classes))]
    if after is not None:
        rounds.append(("after the models", after, _inks(classes)))
    for title, votes, inks in rounds:
        counts = [votes.get(name, 0) for name in classes]
        figure.add_bar(
            orientation="h", name=title, y=[charts.plain_text(name) for name in names], x=counts,
            marker={"color": inks, "line": {"width": 0}}, text=[str(count) if count else "" for count in counts],
            textposition="auto", textangle=0, textfont={"size": LARGE_TYPE},
            hovertemplate=f"%{{y}}: %{{x}} votes {title}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="group", showlegend=len(rounds) > 1, margin={"l": 170, "r": 16, "t": 4, "b": 40},
        yaxis={"autorange": "reversed", "fixedrange": True},
        xaxis={"visible": False, "fixedrange": True, "rangemode": "tozero"},
    )  # fmt: skip
    told = "; ".join(
        f"{title}: " + ", ".join(f"{name} {votes[name]}" for name in classes if votes.get(name))
        for title, votes, _ in rounds
    )
    charts.show(figure, key, f"Votes by class, {told}", type_size=LARGE_TYPE)


def _inks(classes: tuple[str, ...]) -> list[str]:
    return [class_colour(name) for name in classes]
