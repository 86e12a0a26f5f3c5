"""One's own figures of practice: kept in the browser's own storage and in a file to take away, never on the server; and
shown as accuracy by class and as tables of answers, one's own beside a model's."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from core.classes import CLASSES
from core.errors import InputError
from core.practice.progress import Matrix, PracticeProgress, Tally, accuracy_by_class
from dashboard.models import names, title
from dashboard.ui.format import interval, quoted, share
from dashboard.ui.html import CLASS_COLOURS, table

PROGRESS, READ, FAULT, FILE = "practice-progress", "practice-read", "practice-fault", "practice-file"
UNREADABLE = "practice-unreadable"  # what the browser's storage holds that is no record: it is left there
STORAGE = "practice-storage"
NAME = "leukolens-practice"  # of the entry in the browser's storage
JS = """
export default function ({ data, setStateValue }) {
  try {
    if (data.text === null) setStateValue("kept", window.localStorage.getItem(data.name) ?? "");
    else if (data.left) return;
    else if (data.text === "") window.localStorage.removeItem(data.name);
    else window.localStorage.setItem(data.name, data.text);
  } catch (refused) {
    if (data.text === null) setStateValue("kept", "");
  }
}
"""
"""Reads the entry once (text null), then writes what it is given, unless the entry is to be `left` as it is; a browser
that refuses storage keeps nothing."""


def own_record() -> PracticeProgress:
    """The figures so far."""
    found: PracticeProgress = st.session_state.setdefault(PROGRESS, PracticeProgress())
    return found


def keep(changed: PracticeProgress) -> None:
    """Let these be the figures."""
    st.session_state[PROGRESS] = changed


def held_by_browser() -> Any:
    """What this browser's storage was found to hold; None before it was read."""
    return (st.session_state.get(STORAGE) or {}).get("kept")


def take_from_browser() -> None:
    """Go on, once, from what this browser had kept; what cannot be read is told of, and left where it is."""
    kept = held_by_browser()
    if st.session_state.get(READ) or kept is None:
        return
    st.session_state[READ] = True
    if not kept or not isinstance(kept, str):
        return
    try:
        keep(PracticeProgress.from_text(kept).continued_with(own_record()))
    except InputError as error:
        st.session_state[UNREADABLE] = kept
        st.session_state[FAULT] = f"What this browser kept of earlier practice is left out. {error}"


def keep_in_browser() -> None:
    """Ask this browser's storage on the first run, and write the figures to it once it has answered."""
    text = None if not st.session_state.get(READ) else "" if own_record().empty else own_record().to_text()
    component = st.components.v2.component(STORAGE, js=JS)
    left = UNREADABLE in st.session_state
    component(key=STORAGE, data={"name": NAME, "text": text, "left": left}, on_kept_change=lambda: None)


def show_record() -> None:
    """Show the figures of simulated cells and of photographs, each where there are any; and the ways to keep them."""
    if st.session_state.get(FAULT):
        st.warning(quoted(st.session_state[FAULT]), icon=":material/block:")
    if UNREADABLE in st.session_state:
        _offer_unreadable()
    kinds = {"Simulated cells": own_record().simulated, "Photographs": own_record().photographs}
    for kind, tally in kinds.items():
        if any(map(sum, tally.own)):
            _show_tally(kind, tally)
    _offer_files()


def _offer_unreadable() -> None:
    """What stands in the browser's storage and is no record: a file to keep it, and a way to begin anew over it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.download_button("Save what it kept", st.session_state[UNREADABLE], "leukolens-practice-unread.json",
                           "application/json", icon=":material/download:", on_click="ignore")  # fmt: skip
        st.button("Begin anew in this browser", key="practice-anew", on_click=_begin_anew)
    st.caption("Until then it stays as it is, and nothing new is kept in this browser.")


def _begin_anew() -> None:
    del st.session_state[UNREADABLE]
    st.session_state[FAULT] = ""


def _show_tally(kind: str, tally: Tally) -> None:
    st.subheader(f"You so far: {kind.lower()}")
    st.html(accuracy_table(tally))
    if tally.returned:
        st.caption(f"Missed cells came back {tally.returned:,} times; {tally.recovered:,} of them were then right.")
    known = [name for name in names() if name in tally.models]
    columns = st.columns(2, gap="large")
    with columns[0]:
        st.html('<p class="ll-title">Your answers</p>' + counts_of_answers("Your answers", tally.own))
    with columns[1]:
        if known:
            model = st.selectbox(
                "Beside you", known, format_func=lambda name: quoted(title(name)), key=f"beside-{kind}", width=260
            )
            st.html(counts_of_answers(f"Answers of {title(model)}", tally.models[model]))
    st.caption(
        "True classes down, answers across; first looks alone. A model's table holds the cells that were shown while "
        "it was chosen. Intervals are Wilson's, 95 %: with few cells they are wide."
    )


def accuracy_table(tally: Tally) -> str:
    """HTML: by class and over all the share named right with its interval, one's own and each model's."""
    known = [name for name in names() if name in tally.models]
    columns = {"you": accuracy_by_class(tally.own)} | {
        title(name): accuracy_by_class(tally.models[name]) for name in known
    }
    heads = ['<th scope="col">class</th>', *(f'<th scope="col">{escape(name)}</th>' for name in columns)]
    rows = []
    for name in (*CLASSES, "all"):
        cells = []
        for found in columns.values():
            estimate = found[name]
            between = f"<small>{interval(estimate)}, n = {estimate.of:,}</small>" if estimate.of else ""
            cells.append(f"<td>{share(estimate.value, 0)}{between}</td>")
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return table("Share named right, by class", heads, rows)


def counts_of_answers(label: str, matrix: Matrix) -> str:
    """HTML: counts of true classes (rows) by answers (columns); the shade goes by the share of the row."""
    heads = ["<th></th>", *(f'<th scope="col">{name[:4]}.</th>' for name in CLASSES)]
    rows = []
    for true, row in zip(CLASSES, matrix, strict=True):
        cells = "".join(_count(count, sum(row), CLASS_COLOURS[true]) for count in row)
        rows.append(f'<tr><th scope="row">{true}</th>{cells}</tr>')
    return table(label, heads, rows)


def _count(count: int, of: int, colour: str) -> str:
    depth = round(70 * count / of) if of else 0
    shade = f' style="background:color-mix(in srgb, {colour} {depth}%, transparent)"' if depth else ""
    return f"<td{shade}>{count:,}</td>"


def _offer_files() -> None:
    with st.expander("Keep, bring back or forget your figures", icon=":material/folder:"):
        st.caption(
            "They are kept in this browser's own storage, and nowhere on the server. Another browser, a private window "
            "and another person at this one do not share them: take the file along, or forget them."
        )
        st.download_button(
            "Save as a file", own_record().to_text(), "leukolens-practice.json", "application/json",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.file_uploader("Add a saved file", max_upload_size=1, key=FILE, on_change=_load)
        st.button("Forget my figures", key="practice-forget", icon=":material/delete:", on_click=_forget)


def _load() -> None:
    file = st.session_state[FILE]
    st.session_state[FAULT] = ""
    if file is None:
        return
    try:
        keep(own_record().joined_with(PracticeProgress.from_text(file.getvalue())))
    except InputError as error:
        st.session_state[FAULT] = str(error)


def _forget() -> None:
    st.session_state[FAULT] = ""
    keep(PracticeProgress())
