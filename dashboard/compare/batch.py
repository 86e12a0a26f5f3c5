"""Several uploads at once: a table of every model's answer to each, to look at and to take away."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from core.preprocessing.parameters import CellParameters
from dashboard import images
from dashboard.answers import Answer, ask, counted
from dashboard.images import Subject
from dashboard.models import ModelEntry, entry
from dashboard.ui.format import percent

FORMULA_STARTS = ("=", "+", "-", "@")


def show_results(names: tuple[str, ...], framing: str, parameters: CellParameters, truth: bool) -> None:
    """Show the table where there are two uploads or more, and models to ask."""
    keys = list(images.store().files)
    if len(keys) < 2 or not names:
        return
    st.subheader(f"All {len(keys)} uploaded images")
    rows = _rows(keys, names, framing, parameters)
    told = rows if truth else [{k: v for k, v in row.items() if k != "true class"} for row in rows]
    table = pd.DataFrame(told)
    if truth:
        _say_accuracy(rows, names)
    st.dataframe(_readable(table), hide_index=True, alt="What each model names each uploaded image")
    st.download_button(
        "Download as CSV",
        csv_text(table),
        "leukolens-results.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV; a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return str(table.map(harmless).rename(columns=harmless).to_csv(index=False))


def harmless(value: object) -> object:
    """Put an apostrophe before a text that starts as a formula does; tabs and line breaks become spaces."""
    if not isinstance(value, str):
        return value
    text = "".join(letter if letter.isprintable() else " " for letter in value)
    return f"'{text}" if text.lstrip().startswith(FORMULA_STARTS) else text


def _rows(keys: list[str], names: tuple[str, ...], framing: str, parameters: CellParameters) -> list[dict[str, object]]:
    """Ask for every row; what takes over a second says how far it is."""
    entries = tuple(entry(name) for name in names)
    models = tuple((place.title, *_identity(place)) for place in entries)
    holder, started, rows = st.empty(), time.monotonic(), []
    for number, key in enumerate(keys, start=1):
        name = images.store().files[key].name
        rows.append(_remembered_row(key, name, names, models, framing, parameters.to_json(), entries, parameters))
        if time.monotonic() - started > 1:
            holder.progress(number / len(keys), text=f"{number} of {len(keys)} images asked")
    holder.empty()
    return [row for row in rows if row]


def _identity(place: ModelEntry) -> tuple[str, ...]:
    return place.classifier.identity if place.classifier else (place.fault,)


@st.cache_data(show_spinner=False, max_entries=4 * images.MOST_FILES, scope="session")
def _remembered_row(
    key: str,
    name: str,
    names: tuple[str, ...],
    models: tuple[tuple[str, ...], ...],
    framing: str,
    cut: str,
    _entries: tuple[ModelEntry, ...],
    _parameters: CellParameters,
) -> dict[str, object]:
    subject = images.subject_of(key)
    return {} if subject is None else _row(subject, [ask(place, subject, framing, _parameters) for place in _entries])


def _row(subject: Subject, answers: list[Answer]) -> dict[str, object]:
    row: dict[str, object] = {"image": subject.title, "true class": subject.label or "not known"}
    for answer in answers:
        prediction = answer.prediction
        row[answer.entry.title] = prediction.predicted if prediction else "no answer"
        row[f"{answer.entry.title} probability"] = round(prediction.confidence, 4) if prediction else None
    taking_part = counted(answers)
    row["agree"] = "–" if len(taking_part) < 2 else "yes" if len({p.predicted for p in taking_part}) == 1 else "no"
    row["unfamiliar to"] = sum(prediction.unfamiliar for prediction in taking_part)
    return row


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Write each probability beside its class, for the eye."""
    shown = table.copy()
    for column in [name for name in table.columns if name.endswith(" probability")]:
        model = column.removesuffix(" probability")
        shares = [percent(share) if pd.notna(share) else "" for share in table[column]]
        shown[model] = [f"{name} {share}".strip() for name, share in zip(table[model], shares, strict=True)]
        shown = shown.drop(columns=column)
    return shown


def _say_accuracy(rows: list[dict[str, object]], names: tuple[str, ...]) -> None:
    known = [row for row in rows if row["true class"] != "not known"]
    if not known:
        return
    titles = [entry(name).title for name in names]
    told = ", ".join(f"{t} {sum(row[t] == row['true class'] for row in known)}" for t in titles)
    st.caption(f"Named right, of {len(known)} images whose class is known from their folder: {told}.")
