"""The images behind an audit's figures: what a model takes one class for, and where two models differ; each a click
from Compare and Explain."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd
import streamlit as st

from core.audit.launch import audits_folder, read_audit_spec
from core.audit.report import LARGEST
from core.audit.run import IMAGES, AuditReport
from core.errors import InputError
from core.evaluation.predictions import PREDICTIONS, read_answers
from core.files import read_bounded
from core.models.card import read_card
from dashboard import uploads
from dashboard.answered_images import AnsweredImage, show_images
from dashboard.models import root, signature_of, title_or_name

COLUMNS = ("model", "image", "label", "answer", "probability", "sha256")
HERE = ("performance", "between")  # steps with a gallery
NONE = "Choose what to see"


@dataclass(frozen=True)
class AuditAnswers:
    """Every answer of an audit, a row each of COLUMNS (`sha256` "" if not kept); the images' folder, if known."""

    table: pd.DataFrame
    folder: Path | None = None


def answers_behind(report: AuditReport) -> AuditAnswers | None:
    """The answers that a report rests on; None where they are not at hand, as with a report from elsewhere."""
    held = uploads.store()
    try:
        if held.audit_run:
            run = audits_folder() / held.audit_run
            place = Path(read_audit_spec(run).data)
            folder = (
                place if place.is_dir() else place.parent
            )  # of a table: what it names lies beside it, or is asked for
            return AuditAnswers(_written(read_bounded(run / IMAGES, LARGEST) or b""), folder)
        if held.audit:
            return None
        return AuditAnswers(_kept(tuple((model.name, signature_of(root() / model.name)) for model in report.models)))
    except InputError:
        return None


@st.cache_data(show_spinner=False, max_entries=4)
def _written(data: bytes) -> pd.DataFrame:
    """The table that an audit wrote; InputError where it is none."""
    try:
        table = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
        table = (table if "sha256" in table else table.assign(sha256=""))[list(COLUMNS)]
        return table.assign(probability=pd.to_numeric(table["probability"]))
    except (KeyError, ValueError) as error:
        raise InputError(f"{IMAGES} is no table of answers.") from error


@st.cache_data(show_spinner=False, max_entries=4)
def _kept(stamped: tuple[tuple[str, object], ...]) -> pd.DataFrame:
    """The answers kept beside each model."""
    tables = []
    for name, _ in stamped:
        card = read_card(root() / name / "card.json")
        answers = read_answers(root() / name / PREDICTIONS, card.classes)
        facts = {
            "model": name,
            "image": answers.images,
            "label": [answers.classes[place] for place in answers.labels],
            "answer": [answers.classes[place] for place in answers.predicted],
            "probability": answers.probabilities(card.temperature).max(axis=1),
            "sha256": answers.digests or "",
        }
        tables.append(pd.DataFrame(facts))
    return pd.concat(tables, ignore_index=True)


def show_gallery(step: str, report: AuditReport) -> None:
    """Offer what a step's figures rest on, to be looked at image by image."""
    if step not in HERE:
        return
    behind = answers_behind(report)
    if behind is None or behind.table.empty:
        st.caption("The images behind these figures are not at hand: open the audit where it was done to see them.")
        return
    names = [name for name in (model.name for model in report.models) if (behind.table["model"] == name).any()]
    kinds = mistakes(behind.table, names) if step == "performance" else disagreements(behind.table, names)
    if not kinds:
        return
    chosen = st.selectbox(
        "Look at the images", [None, *kinds], key=f"audit-gallery-{step}", width=520,
        format_func=lambda kind: NONE if kind is None else _words(kind, len(kinds[kind])),
    )  # fmt: skip
    if chosen is None:
        return
    rows = kinds[chosen]
    columns = (rows[name].tolist() for name in ("image", "probability", "sha256", "label", "answer"))
    found = [AnsweredImage(*facts) for facts in zip(*columns, strict=True)]
    sentence = f"{_words(chosen, len(rows))}. The surest come first."
    show_images(chosen[0], report.data, sentence, found, f"audit-{step}", "-".join(chosen), behind.folder)


def mistakes(table: pd.DataFrame, names: list[str]) -> dict[tuple[str, ...], pd.DataFrame]:
    """By model, true class and answer: the rows of wrong answers, the surest first; the most frequent kind first."""
    wrong = table[(table["label"] != table["answer"]) & table["model"].isin(names)]
    found = {
        (str(model), str(label), str(answer)): rows.sort_values(["probability", "image"], ascending=[False, True])
        for (model, label, answer), rows in wrong.groupby(["model", "label", "answer"])
    }
    return dict(sorted(found.items(), key=lambda pair: (names.index(pair[0][0]), -len(pair[1]), pair[0])))


def disagreements(table: pd.DataFrame, names: list[str]) -> dict[tuple[str, ...], pd.DataFrame]:
    """By two models, of which the first is right and the second wrong: the second's rows, the surest first."""
    found: dict[tuple[str, ...], pd.DataFrame] = {}
    numbered = table.assign(cell=table.groupby(["model", "image", "label"]).cumcount())  # of one photograph
    by_model = {name: numbered[table["model"] == name].set_index(["image", "label", "cell"]) for name in names}
    for one, other in combinations(names, 2):
        shared = by_model[one].index.intersection(by_model[other].index)
        first, second = by_model[one].loc[shared], by_model[other].loc[shared]
        labels = shared.get_level_values("label")
        right, also = labels == first["answer"], labels == second["answer"]
        for key, places, shown in (((one, other), right & ~also, second), ((other, one), also & ~right, first)):
            rows = shown[places].reset_index().sort_values(["probability", "image"], ascending=[False, True])
            if len(rows):
                found[key] = rows
    return found


def _words(kind: tuple[str, ...], count: int) -> str:
    """What a list holds: three parts are a mistake, two a disagreement."""
    if len(kind) == 3:
        return f"{title_or_name(kind[0])}: {kind[1]} called {kind[2]} ({count:,})"
    return f"{title_or_name(kind[0])} right, {title_or_name(kind[1])} wrong ({count:,})"
