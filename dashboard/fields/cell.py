"""The cell that is looked at: its picture, what each model calls it, the reader's corrections by button and key, and
the way to Compare and Explain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

import streamlit as st

from core.classes import CLASSES
from core.errors import InputError
from core.fields.cells import cell_window
from core.fields.review import FieldReview
from dashboard import state, uploads
from dashboard.field_work import FieldMemory, cell_address, pixels
from dashboard.fields.tally import NamedCell, disputed_first, file_name
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import class_colour, png_bytes, table

Change = Callable[[FieldReview], FieldReview]


def show_cell(memory: FieldMemory, key: str, cells: Sequence[NamedCell], titles: Mapping[str, str]) -> None:
    """Show the chosen cell, at first the most disputed one, and what can be done with it."""
    if memory.fault:
        st.warning(quoted(memory.fault), icon=":material/block:")
        memory.fault = ""
    ordered = disputed_first(cells)
    now = next((cell for cell in cells if cell.number == memory.chosen.get(key)), ordered[0] if ordered else None)
    if now is not None:
        memory.chosen[key] = now.number
        _show_what_it_is(now, titles)
        _offer_names(memory, now, ordered)
        _offer_moves(memory, now, cells)
    _offer_history(memory, key)


def _show_what_it_is(now: NamedCell, titles: Mapping[str, str]) -> None:
    mark = f'<span class="ll-mark" style="background:{class_colour(now.label)}"></span>'
    st.html(f'<p class="ll-title">Cell {now.number}: {mark} {escape(now.label)}</p>')
    with st.container(horizontal=True, gap="small"):
        st.image(cell_address(now.key, now.one.cell.box), width=130)
        with st.container(width=200, gap="xsmall"):
            if now.agreed is not None:
                st.caption(quoted(_agreement(now)))
            told = "Added by you." if now.one.added else f"White cell: {percent(now.one.cell.score)}."
            st.caption(f"{told}{' Touches another.' if now.one.cell.touching else ''}")
    rows = [
        f'<tr><th scope="row">{escape(title)}</th><td>{escape(said.predicted)}</td><td>{percent(said.confidence)}</td>'
        f"<td>{'unfamiliar' if said.unfamiliar else ''}</td></tr>"
        for name, title in titles.items()
        if (said := now.said.get(name)) is not None
    ]
    if rows:
        heads = [f'<th scope="col">{head}</th>' for head in ("model", "names it", "probability", "")]
        st.html(table(f"What each model calls cell {now.number}", heads, rows))


def _agreement(now: NamedCell) -> str:
    assert now.agreed is not None
    if now.one.label:
        return f"You call it {now.one.label}; the models: {now.consensus}."
    if now.agreed.majority is None:
        return "The models disagree, without a majority."
    against = len(now.agreed.dissenters)
    return f"Models against the majority: {against} of {len(now.said)}." if against else "The models agree."


def _offer_names(memory: FieldMemory, now: NamedCell, ordered: Sequence[NamedCell]) -> None:
    with st.container(horizontal=True, gap="xsmall", key="fields-names"):
        for place, name in enumerate(CLASSES, start=1):
            st.button(
                name, key=f"fields-name-{place}", shortcut=str(place),
                type="primary" if now.label == name else "secondary",
                on_click=_correct, args=(memory, now, ordered, lambda one, name=name: one.relabelled(now.number, name)),
            )  # fmt: skip
    with st.container(horizontal=True, gap="xsmall", key="fields-others"):
        st.button(
            "Not a white cell", key="fields-not-white", shortcut="N", type="tertiary", icon=":material/block:",
            on_click=_correct, args=(memory, now, ordered, lambda one: one.not_white(now.number)),
            help="It stays in sight, dotted, and leaves the count.",
        )  # fmt: skip
        st.button(
            "Delete", key="fields-delete", shortcut="Delete", type="tertiary", icon=":material/delete:",
            on_click=_correct, args=(memory, now, ordered, lambda one: one.deleted(now.number)),
            help="For a cell that was found twice.",
        )  # fmt: skip


def _correct(memory: FieldMemory, now: NamedCell, ordered: Sequence[NamedCell], change: Change) -> None:
    """Make a correction, and go on to the next cell that waits for one."""
    review = memory.review(now.key)
    if review is None:
        return
    try:
        memory.reviews[now.key] = change(review)
    except InputError as error:
        memory.fault = str(error)
        return
    waiting = [cell.number for cell in ordered if cell.number != now.number and not cell.decided]
    left = [one.cell.number for one in memory.reviews[now.key].cells]
    memory.chosen[now.key] = next(iter([*waiting, *([now.number] if now.number in left else []), *left]), 0)


def _offer_moves(memory: FieldMemory, now: NamedCell, cells: Sequence[NamedCell]) -> None:
    numbers = [cell.number for cell in cells]
    place = numbers.index(now.number)
    with st.container(horizontal=True, gap="xsmall", key="fields-moves"):
        for words, step, shortcut in (("Back", -1, "Left"), ("Next", 1, "Right")):
            st.button(
                words, key=f"fields-{words}", shortcut=shortcut, type="tertiary", on_click=memory.chosen.update,
                args=({now.key: numbers[(place + step) % len(numbers)]},),
            )  # fmt: skip
        for page in ("compare", "explain"):
            if st.button(page.capitalize(), key=f"fields-open-{page}", type="tertiary", icon=":material/open_in_new:"):
                _open(memory, now, page)


def _open(memory: FieldMemory, now: NamedCell, page: str) -> None:
    """Go to a page with this cell's window, pixel by pixel as the models were asked about it."""
    folder = now.one.label or "cells"
    stem = file_name(now.key).rpartition(".")[0] or "photograph"
    try:
        png = png_bytes(cell_window(pixels(now.key), now.one.cell))
        key = uploads.add(f"{folder}/{stem}-cell-{now.number}.png", png)
    except InputError as error:
        st.warning(quoted(str(error)), icon=":material/block:")
        return
    memory.opened.add(key)
    state.put("image", key)
    state.reset("pick")
    st.switch_page(f"../pages/{page}.py")


def _offer_history(memory: FieldMemory, key: str) -> None:
    review = memory.review(key)
    if review is None:
        return
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="fields-history"):
        for words, shortcut, can, change in (
            ("Undo", "U", bool(review.done), FieldReview.undo),
            ("Redo", "Shift+U", bool(review.undone), FieldReview.redo),
        ):
            st.button(
                words, key=f"fields-{words}", shortcut=shortcut, type="tertiary", disabled=not can,
                icon=f":material/{words.lower()}:", on_click=_turn_back, args=(memory, key, change),
            )  # fmt: skip
        st.caption(f"{len(review.done)} corrections")


def _turn_back(memory: FieldMemory, key: str, change: Change) -> None:
    review = memory.review(key)
    if review is not None:
        touched = review.done[-1:] if change is FieldReview.undo else review.undone[-1:]
        memory.reviews[key] = change(review)
        if touched:
            memory.chosen[key] = touched[0].number
        memory.stopped = False
