"""The report of a session that has ended: its figures, its cells, each a click from Explain, and files to take away."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import InputError
from core.teaching.report import (
    INDEPENDENT,
    ClassReport,
    Table,
    class_report,
    class_report_json,
    report_html,
    report_tables,
    votes_csv,
)
from core.teaching.statistics import most_disputed
from core.teaching.store import ClassSession
from dashboard import state, uploads
from dashboard.classroom.answers import forget_sessions
from dashboard.classroom.shared import ballots, class_store
from dashboard.ui.format import quoted
from dashboard.ui.html import table

SHOWN = 5  # cells with most disagreement


def show_report(session: ClassSession, key: str) -> None:
    """Show the report to who leads; with the teacher's own `key` the session can be deleted, too."""
    st.html(f'<p class="ll-class-where">{escape(session.title)}: report</p>')
    names = st.toggle("With nicknames", key="class-names", help="Off: students are numbers, here and in the files.")
    report = _report(session.code, names, len(ballots().votes(session.code)))
    if not report.votes:
        st.info("Nobody voted in this session.", icon=":material/how_to_vote:")
    _offer_files(report)
    for one in report_tables(report):
        _show_table(one)
    st.caption(INDEPENDENT)
    _show_disputed(report)
    if key:
        with st.popover("Delete this session", icon=":material/delete:"):
            st.caption("Its cells, its votes and its report go for good.")
            st.button("Delete it", key="class-delete", on_click=_delete, args=(session.code, key))


@st.cache_data(show_spinner="Working out the figures", max_entries=16, ttl=86_400)
def _report(code: str, names: bool, votes: int) -> ClassReport:
    return class_report(class_store(), class_store().session(code), names)


def _offer_files(report: ClassReport) -> None:
    stem = f"class-{report.session.code}"
    with st.container(horizontal=True, gap="small"):
        st.download_button("Report (HTML)", report_html(report), f"{stem}.html", "text/html", key="class-html")
        st.download_button("Votes (CSV)", votes_csv(report), f"{stem}.csv", "text/csv", key="class-csv")
        st.download_button(
            "Everything (JSON)", class_report_json(report), f"{stem}.json", "application/json", key="class-json"
        )


def _show_table(found: Table) -> None:
    title, heads, rows = found
    if rows:
        st.html(f'<p class="ll-title">{escape(title)}</p>')
        lines = ["<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows]
        st.html(table(title, [f'<th class="ll-wrap">{escape(head)}</th>' for head in heads], lines))


def _show_disputed(report: ClassReport) -> None:
    """The cells on which students differ most, each to be opened on Explain."""
    found = most_disputed(report.figures)[:SHOWN]
    if not found:
        return
    st.html('<p class="ll-title">The cells with most disagreement</p>')
    with st.container(horizontal=True, gap="medium"):
        for one in found:
            cell = report.cells[one.position]
            with st.container(width=170, gap="xsmall"):
                st.image(cell.png, width="stretch", alt=f"Cell {one.position + 1}")
                st.caption(quoted(f"Cell {one.position + 1}, {cell.label or 'class not known'}"))
                if st.button("Explain", key=f"class-explain-{one.position}", type="tertiary"):
                    _explain(one.position, cell.png, cell.label)


def _explain(position: int, png: bytes, label: str | None) -> None:
    """Go to Explain with this cell, which joins the teacher's own pictures under its class."""
    try:
        key = uploads.add(f"{label or 'class'}/cell-{position + 1}.png", png)
    except InputError as error:
        st.warning(quoted(str(error)), icon=":material/block:")
        return
    state.put("image", key)
    state.reset("pick")
    st.switch_page("../pages/explain.py")


def delete_session(code: str, key: str) -> None:
    """Delete a session, and what is held of it in memory; InputError where this `key` may not."""
    class_store().delete(code, key)
    forget_sessions()
    _report.clear()


def _delete(code: str, key: str) -> None:
    try:
        delete_session(code, key)
    except InputError as error:
        st.warning(quoted(str(error)), icon=":material/block:")
        return
    st.query_params.clear()
