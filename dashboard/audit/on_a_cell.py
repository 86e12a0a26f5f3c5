"""What other light, focus and stain do to one cell: the picture in five steps, and what each model says to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from core.audit.shifts import SEVERITIES, SHIFTS, shifted
from dashboard import state
from dashboard.answers import Answer, ask
from dashboard.images import Subject, chosen_image
from dashboard.models import ModelEntry, chosen_names, entry
from dashboard.truth import answers_hidden
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import fitted, png_bytes, table
from dashboard.url import TRAINED

SIDE = 180  # px of a picture at most
STEPS = (0, *SEVERITIES)
TITLE = "What other light, focus and stain do to one cell"


def show_shifts_on_a_cell() -> None:
    """Offer a kind of shift, and show the chosen cell and the answers in its five steps, once it is opened."""
    opened = st.expander(TITLE, icon=":material/tune:", key="audit-on-a-cell", on_change="rerun")
    if not opened.open:
        return
    with opened:
        subject = chosen_image().subject
        if answers_hidden(subject.key):
            st.info("The answers wait for your guess: give it on Compare, or switch “Guess first” off.")
            return
        show_shifts_on(subject)


def show_shifts_on(subject: Subject) -> None:
    """Show a menu of shifts, and what the chosen one does to this cell and to the answers."""
    name = st.selectbox(
        "Shift", list(SHIFTS), format_func=lambda name: SHIFTS[name].title, width=260, key="audit-shift",
        help="The same five steps as in an audit of own images. The cell is the one that Compare shows.",
    )  # fmt: skip
    _show(subject, name, [entry(model) for model in chosen_names()])


def stepped(subject: Subject, name: str, step: int) -> Subject:
    """The subject as the shift `name` leaves it at a step; 0 is as it is."""
    if not step:
        return subject
    changed = shifted(subject.rgb, name, step)
    return replace(subject, rgb=changed, sha256=f"{subject.sha256}-{name}-{step}", field=None)


def _show(subject: Subject, name: str, entries: Sequence[ModelEntry]) -> None:
    views = [stepped(subject, name, step) for step in STEPS]
    grid = st.grid(len(STEPS), min_column_width=100, gap=12, key="audit-steps")
    for step, view in zip(STEPS, views, strict=True):
        with grid.cell():
            st.image(png_bytes(fitted(view.rgb, SIDE)), width="stretch", alt=f"{subject.alt}, {_told(name, step)}")
            st.html(f'<p class="ll-caption">{escape(_told(name, step))}</p>')
    progress = st.empty()
    answers: list[list[Answer]] = []
    for number, one in enumerate(entries, start=1):
        progress.progress(number / len(entries), text=f"Asking {quoted(one.title)}")
        answers.append([ask(one, view, TRAINED, state.get("cell")) for view in views])
    progress.empty()
    if entries:
        st.html(_table(name, entries, answers))
        st.caption("Bold: another class than the picture as it is. Where no cell is found, the whole frame is shown.")


def _told(name: str, step: int) -> str:
    shift = SHIFTS[name]
    return f"step {step}: {shift.steps[step - 1]:g} {shift.unit}" if step else "as it is"


def _table(name: str, entries: Sequence[ModelEntry], answers: Sequence[Sequence[Answer]]) -> str:
    heads = ['<th scope="col">model</th>', *(f'<th scope="col">{escape(_told(name, step))}</th>' for step in STEPS)]
    rows = [
        f'<tr><th scope="row">{escape(one.title)}</th>{"".join(_cell(answer, row[0]) for answer in row)}</tr>'
        for one, row in zip(entries, answers, strict=True)
    ]
    return table(f"Answers under {SHIFTS[name].title.lower()}", heads, rows)


def _cell(answer: Answer, clean: Answer) -> str:
    """A class and how sure; bold where it is not the clean picture's."""
    if answer.prediction is None:
        return f"<td>{escape(answer.fault)}</td>"
    words = f"{escape(answer.prediction.predicted)}, {percent(answer.prediction.confidence)}"
    words += "" if answer.view is None or answer.view.found else ", no cell found"
    other = clean.prediction is not None and clean.prediction.predicted != answer.prediction.predicted
    return f"<td><strong>{words}</strong></td>" if other else f"<td>{words}</td>"
