"""The tables and lists of the Fields page: the differential count by everyone who counts, the cells that the models
dispute, the contact sheet by class, and Rümke's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from core.classes import CLASSES
from core.fields.count import RUMKE_CELLS, ClassCount, rumke_table
from core.fields.report import count_words
from dashboard.field_work import FieldMemory, cell_address
from dashboard.fields.tally import CORRECTED, NamedCell, disputed_first
from dashboard.ui.html import class_colour, table

SHOWN = 24  # disputed cells at a time
AT_ONCE = 48  # cells of a page of the contact sheet


def show_counts(counts: Mapping[str, Sequence[ClassCount]], width: float) -> None:
    """A row a class: how many, the share with its interval, by everyone; and how many cells are still to be counted."""
    labels = list(dict.fromkeys(row.label for rows in counts.values() for row in rows))
    heads = [
        f'<th scope="col" class="ll-wrap">{escape(head)}</th>'
        for head in ("class", CORRECTED, "still to count", *(who for who in counts if who != CORRECTED))
    ]
    by_label = {who: {row.label: row for row in rows} for who, rows in counts.items()}
    lines = []
    for label in labels:
        own = by_label[CORRECTED].get(label)
        others = [by_label[who].get(label) for who in counts if who != CORRECTED]
        cells = [own and count_words(own), _still(own), *(row and count_words(row) for row in others)]
        mark = f'<span class="ll-mark" style="background:{class_colour(label)}"></span>'
        told = "".join(f"<td>{escape(cell or '0')}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{mark} {escape(label)}</th>{told}</tr>')
    st.html(table("Differential count", heads, lines))
    whole = sum(row.number for row in counts[CORRECTED])
    st.caption(
        f"{whole} white cells. Each entry: cells (share in per cent, 95 % interval, Wilson). Still to count: so many "
        f"more cells, for an interval {100 * width:g} percentage points wide, if the share stays. The intervals tell "
        "of chance alone, as if each cell were drawn by itself: not of cells missed or wrongly named."
    )


def _still(row: ClassCount | None) -> str:
    return "–" if row is None or row.to_count is None else f"{row.to_count:,}" if row.to_count else "enough"


def show_disputed(memory: FieldMemory, key: str, cells: Sequence[NamedCell]) -> None:
    """The cells on which the models disagree, those without a majority first; a click chooses one."""
    found = [cell for cell in disputed_first(cells) if cell.disputed]
    if not found:
        return
    more = f", the first {SHOWN} shown" if len(found) > SHOWN else ""
    st.html(f'<p class="ll-title">Look at these first: the models disagree on {len(found)}{more}</p>')
    _tiles(memory, key, found[:SHOWN], "disputed")


def show_sheet_by_class(memory: FieldMemory, key: str, cells: Sequence[NamedCell]) -> None:
    """Every cell, by what it counts as; our classes first."""
    labels = [*CLASSES, *sorted({cell.label for cell in cells} - set(CLASSES))]
    ordered = [cell for label in labels for cell in cells if cell.label == label]
    pages = -(-len(ordered) // AT_ONCE)
    page = 1
    if pages > 1:
        page = st.number_input(f"Page (of {pages})", 1, pages, 1, width=160, key="fields-sheet-page")
    shown = ordered[(page - 1) * AT_ONCE : page * AT_ONCE]
    for label in labels:
        members = [cell for cell in shown if cell.label == label]
        if members:
            whole = sum(cell.label == label for cell in cells)
            mark = f'<span class="ll-mark" style="background:{class_colour(label)}"></span>'
            st.html(f'<p class="ll-title">{mark} {escape(label)}: {whole}</p>')
            _tiles(memory, key, members, f"sheet-{labels.index(label)}")


def _tiles(memory: FieldMemory, key: str, cells: Sequence[NamedCell], place: str) -> None:
    grid = st.grid(10, min_column_width=76, gap=8, key=f"fields-{place}")
    for cell in cells:
        with grid.cell():
            st.button(
                f"![Cell {cell.number}]({cell_address(key, cell.one.cell.box)})",
                key=f"fields-{place}-{cell.number}",
                type="primary" if memory.chosen.get(key) == cell.number else "tertiary",
                on_click=memory.chosen.update,
                args=({key: cell.number},),
                help=f"Look at cell {cell.number}",
            )
            said = cell.label if place != "disputed" else " / ".join(sorted({s.predicted for s in cell.said.values()}))
            st.html(f'<p class="ll-caption">{cell.number}: {escape(said)}</p>')


def show_rumke() -> None:
    """Rümke's table: what a count of so many cells can tell of the true share."""
    heads = [f'<th scope="col">{head}</th>' for head in ("found", *(f"{cells:,} cells" for cells in RUMKE_CELLS))]
    rows = [
        f'<tr><th scope="row">{row.percent} %</th>'
        + "".join(f"<td>{low}–{high}</td>" for low, high in row.limits)
        + "</tr>"
        for row in rumke_table()
    ]
    st.html(table("Rümke's table", heads, rows))
    st.caption(
        "Between which percentages the true share lies with 95 % certainty, by the exact binomial interval (Clopper "
        "and Pearson), as in Rümke's table (1960, 1985). Above 50 %, take the rest of the cells."
    )
