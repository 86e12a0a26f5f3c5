"""Several uploads at once as a contact sheet: each picture with what the models name it, filters, and a click that
opens it on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from core.data.readers import csv_text
from core.preprocessing.parameters import CellParameters
from dashboard import state, uploads
from dashboard.batch import Asked, ask_some, table_of
from dashboard.images import upload_title
from dashboard.truth import answers_hidden, told
from dashboard.ui.format import quoted

AT_ONCE = 24  # pictures on a page of the sheet
POLL = 0.2  # s between two slices of asking
PAGE, FILTER, CLASS, STOPPED = "sheet-page", "sheet-filter", "sheet-class", "sheet-stopped"
ALL = "All"
FILTERS: dict[str, Callable[[Asked], bool]] = {
    ALL: lambda asked: True,
    "Wrong": lambda asked: told(asked.key) and asked.wrong,
    "Models disagree": lambda asked: asked.disagree,
    "Unfamiliar": lambda asked: asked.strange,
    "No cell found": lambda asked: not asked.found,
}


def show_sheet(names: tuple[str, ...], framing: str, parameters: CellParameters) -> None:
    """Show the sheet where there are two uploads or more, and models to ask."""
    if len(uploads.store().files) < 2 or not names:
        return
    _, waiting = ask_some(names, framing, parameters)
    (_asking if waiting and not st.session_state.get(STOPPED) else _asked)(names, framing, parameters)


@st.fragment(run_every=POLL)
def _asking(names: tuple[str, ...], framing: str, parameters: CellParameters) -> None:
    if not _draw(names, framing, parameters) or st.session_state.get(STOPPED):
        st.rerun()


@st.fragment
def _asked(names: tuple[str, ...], framing: str, parameters: CellParameters) -> None:
    _draw(names, framing, parameters)


def _draw(names: tuple[str, ...], framing: str, parameters: CellParameters) -> int:
    """Show the sheet as far as it has come; returns how many pictures are still to be asked about."""
    rows, waiting = ask_some(names, framing, parameters)
    shown = [asked for asked in rows if not answers_hidden(asked.key)]
    all_of_it = len(rows) + waiting
    st.subheader(f"Your {all_of_it} pictures")
    if waiting:
        _show_progress(len(rows), all_of_it)
    elif state.get("truth"):
        _say_accuracy(shown)
    _show_tiles(_filtered(shown))
    truth = state.get("truth")
    st.download_button(
        "Download as CSV",
        csv_text(table_of(shown, truth)),
        "leukolens-results.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="Every model's answer to each picture, with the file's SHA-256. Paths and true classes stand in it while "
        "the true class is shown.",
    )
    return waiting


def _show_progress(done: int, all_of_it: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sheet-work"):
        st.progress(done / all_of_it, text=f"{done} of {all_of_it} pictures asked", width=320)
        if st.session_state.get(STOPPED):
            st.button("Go on", key="sheet-on", icon=":material/play_circle:", on_click=_stop, args=(False,))
        else:
            st.button("Stop", key="sheet-stop", icon=":material/stop_circle:", on_click=_stop, args=(True,))


def _stop(stopped: bool) -> None:
    st.session_state[STOPPED] = stopped


def _filtered(rows: Sequence[Asked]) -> list[Asked]:
    """Show the filters, with how many pictures each leaves, and return those of the chosen one."""
    on_offer = [name for name in FILTERS if name != "Wrong" or any(told(asked.key) for asked in rows)]
    counts = {name: sum(FILTERS[name](asked) for asked in rows) for name in on_offer}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="sheet-filters"):
        chosen = st.pills(
            "Show",
            on_offer,
            default=ALL,
            required=True,
            format_func=lambda name: f"{name} ({counts[name]})",
            key=FILTER,
            help="Wrong: at least one model names another class than the true one, where that is shown.",
        )
        classes = sorted({name for asked in rows for name in asked.votes})
        label = st.selectbox("Named by a model", [ALL, *classes], format_func=quoted, width=190, key=CLASS)
    kept = [asked for asked in rows if FILTERS[chosen or ALL](asked)]
    return kept if label == ALL else [asked for asked in kept if label in asked.votes]


def _show_tiles(rows: Sequence[Asked]) -> None:
    if not rows:
        st.caption("No picture is like that.")
        return
    pages = -(-len(rows) // AT_ONCE)
    page = 1
    if pages > 1:
        page = (
            st.segmented_control("Page", list(range(1, pages + 1)), default=1, required=True, key=f"{PAGE}-{pages}")
            or 1
        )
    grid = st.grid(8, min_column_width=118, gap=12, key="sheet")
    for asked in rows[(page - 1) * AT_ONCE : page * AT_ONCE]:
        with grid.cell():
            _show_tile(asked)


def _show_tile(asked: Asked) -> None:
    title = upload_title(asked.key, uploads.store().files[asked.key])
    here = asked.key == state.get("image")
    picture = f"![{quoted(title)}]({asked.thumbnail})"
    if st.button(picture, key=f"open-{asked.key}", type="primary" if here else "tertiary", help="Open it above"):
        _open(asked.key, "")
    truth = f"  \nTruly {asked.label}" if told(asked.key) and asked.label else ""
    st.caption(f"**{quoted(title)}**  \n{_said(asked)}{truth}")
    if st.button("Explain", key=f"explain-{asked.key}", type="tertiary", icon=":material/visibility:"):
        _open(asked.key, "../pages/explain.py")


def _open(key: str, page: str) -> None:
    state.put("image", key)
    state.reset("pick")
    if page:
        st.switch_page(page)
    st.rerun()


def _said(asked: Asked) -> str:
    """What the models name it, in a line."""
    if not asked.found:
        return "no cell found"
    votes = asked.votes.most_common()
    if not votes:
        return "no answer"
    strange = ", unfamiliar" if asked.strange else ""
    if len(votes) == 1:
        return f"{quoted(votes[0][0])}{strange}"
    return ", ".join(f"{quoted(name)} {count}" for name, count in votes) + strange


def _say_accuracy(rows: Sequence[Asked]) -> None:
    known = [asked for asked in rows if asked.label is not None]
    if not known:
        return
    titles = known[0].answers
    right = {
        title: sum((answer := asked.answers[title]) is not None and answer[0] == asked.label for asked in known)
        for title in titles
    }
    told_of = ", ".join(f"{quoted(title)} {count}" for title, count in right.items())
    st.caption(f"Named right, of {len(known)} pictures whose class is known from their folder: {told_of}.")
