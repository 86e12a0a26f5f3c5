"""What every model says of each of several uploads, found out a few at a time; and the same as a table to take away."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from core.preprocessing.parameters import CellParameters
from dashboard import uploads
from dashboard.answers import Answer, ask, counted
from dashboard.images import Subject, subject_of
from dashboard.models import ModelEntry, entry
from dashboard.ui.html import data_address

SLICE = 1.2  # s of asking after which the page is drawn anew
THUMBNAIL = 128
MOST_KNOWN = 5 * uploads.MOST_FILES  # answers that a session keeps: a few sets of models or framings


@dataclass(frozen=True)
class Asked:
    """One upload and what the models say of it.

    `answers` holds, by model's title, the class and its probability, None where there is no answer; `found` whether a
    cell was; `unfamiliar` how many models know nothing like it; `thumbnail` is a `data:` address.
    """

    key: str
    label: str | None
    answers: dict[str, tuple[str, float] | None]
    found: bool
    unfamiliar: int
    thumbnail: str

    @property
    def votes(self) -> Counter[str]:
        """How many models name each class."""
        return Counter(answer[0] for answer in self.answers.values() if answer is not None)

    @property
    def disagree(self) -> bool:
        """Whether the models name more than one class."""
        return self.found and len(self.votes) > 1

    @property
    def wrong(self) -> bool:
        """Whether at least one model names another class than the true one."""
        return self.label is not None and any(name != self.label for name in self.votes)

    @property
    def strange(self) -> bool:
        """Whether at least half of the models that answered know nothing like it."""
        return bool(self.unfamiliar) and 2 * self.unfamiliar >= sum(self.votes.values())


def ask_some(names: tuple[str, ...], framing: str, parameters: CellParameters) -> tuple[list[Asked], int]:
    """Return what is known of the uploads, in order, and how many are still to be asked about.

    Asks for about a second; what was asked before is remembered.
    """
    entries = tuple(entry(name) for name in names)
    models = tuple((place.title, *_identity(place)) for place in entries)
    held, started = uploads.store().files, time.monotonic()
    known = _known()
    rows, waiting = [], 0
    for key in list(held):
        place = (key, models, framing, parameters.to_json())
        if place not in known and time.monotonic() - started < SLICE:
            subject = subject_of(key)
            if subject is not None:
                known[place] = _asked(subject, [ask(one, subject, framing, parameters) for one in entries])
            while len(known) > MOST_KNOWN:
                known.pop(next(iter(known)))
        if place in known:
            rows.append(known[place])
        else:
            waiting += 1
    return rows, waiting


@st.cache_resource(show_spinner=False, max_entries=1, scope="session")
def _known() -> dict[tuple[object, ...], Asked]:
    """This session's answers, the oldest first."""
    return {}


def forget_asked() -> None:
    """Drop this session's answers to its uploads."""
    _known.clear()


def _identity(place: ModelEntry) -> tuple[str, ...]:
    return place.classifier.identity if place.classifier else (place.fault,)


def _asked(subject: Subject, answers: list[Answer]) -> Asked:
    taking_part = counted(answers)
    said = {answer.entry.title: answer.prediction for answer in answers}
    return Asked(
        subject.key,
        subject.label,
        {title: (told.predicted, told.confidence) if told else None for title, told in said.items()},
        all(answer.view.found for answer in answers if answer.view is not None),
        sum(prediction.unfamiliar for prediction in taking_part),
        data_address(subject.field.rgb if subject.field else subject.rgb, THUMBNAIL),
    )


def table_of(rows: Sequence[Asked], truth: bool) -> pd.DataFrame:
    """The answers as a table: a row an upload, by its number, or with the `truth` by its path and with its class."""
    held, found = uploads.store().files, []
    for asked in rows:
        upload = held[asked.key]
        row: dict[str, object] = {"image": upload.name if truth else f"Picture {upload.number}"}
        row |= {"sha256": uploads.digest_of(upload.data)}
        row |= {"true class": asked.label or "not known"} if truth else {}
        for title, answer in asked.answers.items():
            row[title] = answer[0] if answer else "no answer"
            row[f"{title} probability"] = round(answer[1], 4) if answer else None
        row["cell found"] = "yes" if asked.found else "no"
        row["agree"] = "–" if len(asked.votes) < 1 or not asked.found else "no" if asked.disagree else "yes"
        row["unfamiliar to"] = asked.unfamiliar
        found.append(row)
    return pd.DataFrame(found)
