"""Whether methods agree about a model, and models about a picture: rank correlations as small tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.explanation.explanation import Explanation
from core.explanation.methods import METHODS
from core.explanation.worth.agreement import Agreement, agreement
from dashboard.explained import Row
from dashboard.scored import MapOf

SENTENCE = (
    "Rank correlations of the maps: 1 where they order the picture alike, 0 where they have nothing in common. That "
    "maps agree does not make them true."
)


def show_agreement_of_maps(subject: MapOf, rows: Sequence[Row]) -> None:
    """Show how alike the maps of the chosen class are: of all methods in this model, of all models by this method."""
    titles = {row.name: row.title for row in rows} | {name: kind.title for name, kind in METHODS.items()}
    methods = list(subject.row.explanations)
    models = [row for row in rows if subject.method in row.explanations]
    tables = []
    if len(methods) > 1:
        pairs = [(subject.row, method) for method in methods]
        tables.append((f"Methods, in {subject.row.title}", _agreement(pairs, subject.label)))
    if len(models) > 1:
        pairs = [(row, subject.method) for row in models]
        tables.append((f"Models, by {METHODS[subject.method].title}", _agreement(pairs, subject.label)))
    if not tables:
        return
    st.html(f'<h4 class="ll-method">Do the maps of {escape(subject.label)} agree?</h4>')
    grid = st.grid(2, min_column_width=300, gap=18, key="agreement")
    for title, found in tables:
        grid.html(f'<p class="ll-title">{escape(title)}</p>{agreement_table(found, titles)}')
    st.caption(SENTENCE)


def agreement_table(found: Agreement, titles: dict[str, str]) -> str:
    """Return HTML: the lower triangle of the matrix, and below it what was left out and why."""
    names = [titles.get(name, name) for name in found.names]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names[:-1])
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{_figure(float(found.matrix[index, other]))}</td>" for other in range(index))
        + "<td></td>" * (len(names) - 1 - index)
        + "</tr>"
        for index, name in enumerate(names)
        if index
    )
    table = (
        f'<div class="ll-wide"><table class="ll-matrix"><tr><td></td>{head}</tr>{lines}</table></div>' if lines else ""
    )
    left = "".join(
        f'<p class="ll-caption">{escape(titles.get(name, name))} is left out: {escape(_told(reason, titles))}.</p>'
        for name, reason in found.left_out.items()
    )
    return table + left


def _agreement(pairs: Sequence[tuple[Row, str]], label: str) -> Agreement:
    stamps = tuple(row.tickets[method].stamp(row.explanations[method]) for row, method in pairs)
    return _compared(stamps, label, [row.explanations[method] for row, method in pairs])


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _compared(stamps: tuple[str, ...], label: str, _explanations: list[Explanation]) -> Agreement:
    return agreement(_explanations, label)


def _told(reason: str, titles: dict[str, str]) -> str:
    """The reason, with the title where it ends in a name."""
    start, space, name = reason.rpartition(" ")
    return f"{start}{space}{titles.get(name, name)}"


def _figure(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
