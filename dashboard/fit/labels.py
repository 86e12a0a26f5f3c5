"""Labelling one's own cells: the cell looked at with a button and a key for each class, and a sheet of all."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.classes import known_as
from core.data.readers import csv_text
from core.errors import InputError
from dashboard import uploads
from dashboard.batch import Asked
from dashboard.images import subject_of
from dashboard.state import recall, remember
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import class_colour, fitted

CURRENT, SHEET_PAGE, LABELS_FAULT = "fit-current", "fit-page", "fit-labels-fault"
AT_ONCE = 24  # cells on a page of the sheet
SIDE = 300  # px of the cell looked at, at most
WANTED = 10  # labels a class that a fit should have
LARGEST_LABELS = 200_000  # bytes of a file of labels
COLUMNS = ("picture", "sha256", "label")


def show_labelling(rows: Sequence[Asked], classes: Sequence[str]) -> None:
    """Show the cell looked at beside the sheet of all cells."""
    key = _current(rows)
    left, right = st.columns([1, 2.1], gap="medium")
    with left:
        _show_cell(next(asked for asked in rows if asked.key == key), classes, rows)
    with right:
        _show_cells(rows, key)


def _current(rows: Sequence[Asked]) -> str:
    """The cell looked at: the one chosen, else the first without a label."""
    keys = [asked.key for asked in rows]
    chosen = recall(CURRENT, "")
    if chosen in keys:
        return str(chosen)
    return next((asked.key for asked in rows if asked.found and asked.key not in uploads.store().labels), keys[0])


def _show_cell(asked: Asked, classes: Sequence[str], rows: Sequence[Asked]) -> None:
    subject, held = subject_of(asked.key), uploads.store()
    if subject is None:
        return
    number = held.files[asked.key].number
    st.image(fitted(subject.rgb, SIDE), width=SIDE, alt=subject.alt)
    offered = _offered(asked)
    given = held.labels.get(asked.key)
    told = f"labelled {quoted(given)}" if given else "not labelled yet"
    doubt = f" The model says {quoted(offered[0])}, {percent(offered[1])}." if offered else ""
    none = "" if asked.found else " No cell was found in it: it takes no part."
    st.caption(f"**Picture {number}**: {told}.{doubt}{none}")
    with st.container(horizontal=True, gap="xsmall", key="fit-classes"):
        for place, name in enumerate(classes, start=1):
            st.button(
                quoted(name),
                key=f"fit-label-{place}",
                shortcut=str(place) if place <= 9 else None,
                type="primary" if given == name else "secondary",
                on_click=_label,
                args=(asked.key, name, [row.key for row in rows if row.found]),
                disabled=not asked.found,
            )
    with st.container(horizontal=True, gap="xsmall", key="fit-moves"):
        keys = [row.key for row in rows]
        for words, step, shortcut in (("Back", -1, "Left"), ("Skip", 1, "Right")):
            st.button(words, key=f"fit-{words}", shortcut=shortcut, type="tertiary", on_click=_go,
                      args=(keys, asked.key, step))  # fmt: skip
        if given:
            st.button("Take the label off", key="fit-unlabel", type="tertiary", on_click=_unlabel, args=(asked.key,))


def _offered(asked: Asked) -> tuple[str, float] | None:
    return next(iter(asked.answers.values()), None) if asked.found else None


def _label(key: str, name: str, keys: Sequence[str]) -> None:
    """Give a label, and go on to the next cell without one."""
    held = uploads.store()
    held.labels[key] = name
    after = keys[keys.index(key) + 1 :] if key in keys else []
    remember(CURRENT, next((other for other in (*after, *keys) if other not in held.labels), key))


def _unlabel(key: str) -> None:
    uploads.store().labels.pop(key, None)
    remember(CURRENT, key)


def _go(keys: Sequence[str], key: str, step: int) -> None:
    remember(CURRENT, keys[(keys.index(key) + step) % len(keys)])


def _look_at(key: str) -> None:
    remember(CURRENT, key)


def _show_cells(rows: Sequence[Asked], current: str) -> None:
    pages = -(-len(rows) // AT_ONCE)
    page = 1
    if pages > 1:
        page = st.segmented_control("Page", list(range(1, pages + 1)), default=1, required=True, key=SHEET_PAGE) or 1
    labels = uploads.store().labels
    grid = st.grid(8, min_column_width=84, gap=8, key="sheet")
    for asked in rows[(page - 1) * AT_ONCE : page * AT_ONCE]:
        with grid.cell():
            number = uploads.store().files[asked.key].number
            st.button(
                f"![Picture {number}]({asked.thumbnail})",
                key=f"fit-open-{asked.key}",
                type="primary" if asked.key == current else "tertiary",
                on_click=_look_at,
                args=(asked.key,),
                help=f"Look at picture {number}",
            )
            name = labels.get(asked.key)
            st.html(_mark(name, asked.found))


def _mark(name: str | None, found: bool) -> str:
    if not found:
        return '<p class="ll-caption">no cell</p>'
    if name is None:
        return '<p class="ll-caption">–</p>'
    clean = "".join(letter for letter in name if letter not in "<>&\"'")
    return (
        f'<p class="ll-caption"><span class="ll-mark" style="background:{class_colour(name)}"></span> '
        f"<strong>{clean}</strong></p>"
    )


def labels_of(rows: Sequence[Asked], classes: Sequence[str]) -> dict[str, str]:
    """The labels of cells that can take part, by key: those that the model knows, of pictures that show a cell."""
    held = uploads.store().labels
    return {
        asked.key: held[asked.key] for asked in rows if asked.found and asked.key in held and held[asked.key] in classes
    }


def show_counts_of_labels(rows: Sequence[Asked], classes: Sequence[str]) -> None:
    """Say how many labels each class has, and offer what else can be done with labels."""
    counts = Counter(labels_of(rows, classes).values())
    told = ", ".join(f"{quoted(name)} {counts[name]}" for name in classes)
    st.markdown(
        f"**{sum(counts.values())} labels**: {told}. Five of two classes are the least, {WANTED} of each do well."
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="fit-labels"):
        _offer_folder_names(rows, classes)
        st.download_button(
            "Save the labels",
            csv_text(_table(rows)),
            "leukolens-labels.csv",
            "text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            disabled=not counts,
        )
        with st.popover("Load labels", icon=":material/upload_file:", key="fit-load"):
            st.file_uploader(
                "Labels that were saved here: picture, sha256, label",
                type=["csv"],
                max_upload_size=1,
                key=f"fit-labels-file-{uploads.store().round}",
                on_change=_load,
                args=(tuple(classes),),
            )
    fault = recall(LABELS_FAULT, "")
    if fault:
        st.error(quoted(fault), icon=":material/block:")


def _offer_folder_names(rows: Sequence[Asked], classes: Sequence[str]) -> None:
    files = uploads.store().files
    named = {row.key: known_as(files[row.key].label or "", classes) for row in rows}
    named = {key: name for key, name in named.items() if name and uploads.store().labels.get(key) != name}
    if named:
        st.button(
            f"Take {len(named)} labels from folder names",
            key="fit-folders",
            icon=":material/folder:",
            type="tertiary",
            on_click=_take_all,
            args=(named,),
        )


def _take_all(named: dict[str, str]) -> None:
    uploads.store().labels.update(named)


def _table(rows: Sequence[Asked]) -> pd.DataFrame:
    held = uploads.store()
    found = [
        (f"Picture {held.files[asked.key].number}", uploads.digest_of(held.files[asked.key].data), label)
        for asked in rows
        if (label := held.labels.get(asked.key))
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _load(classes: tuple[str, ...]) -> None:
    file = st.session_state[f"fit-labels-file-{uploads.store().round}"]
    remember(LABELS_FAULT, "")
    if file is None:
        return
    try:
        found = read_labels(file.getvalue(), classes)
    except InputError as error:
        remember(LABELS_FAULT, str(error))
        return
    held = uploads.store()
    here = {uploads.digest_of(upload.data): key for key, upload in held.files.items()}
    known = {here[digest]: name for digest, name in found.items() if digest in here}
    held.labels.update(known)
    if len(known) < len(found):
        missing = len(found) - len(known)
        remember(LABELS_FAULT, f"{missing} of {len(found)} labels are of pictures that are not here: upload them too.")


def read_labels(data: bytes, classes: Sequence[str]) -> dict[str, str]:
    """A file of labels as classes by SHA-256; InputError where it is none, or names a class that the model has not."""
    if len(data) > LARGEST_LABELS:
        raise InputError("The file of labels is over 200 kB: no hundred labels are so large.")
    try:
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, nrows=10_000)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError("The file of labels is no CSV. It needs the columns sha256 and label.") from error
    if not {"sha256", "label"} <= set(table.columns):
        raise InputError("The file of labels needs the columns sha256 and label.")
    found = {}
    for digest, label in zip(table["sha256"], table["label"], strict=True):
        name = known_as(label.strip(), classes)
        if name is None:
            raise InputError(f"The file names the class {label[:40]!r}; the model knows {', '.join(classes)}.")
        found[digest.strip().lower()] = name
    return found
