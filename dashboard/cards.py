"""One model's answer as a card: what it saw, what it names, how sure it is, and what is known of it."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.preprocessing.framing import FRAMINGS, View
from dashboard.answers import Answer, caution
from dashboard.charts import facts, probability_bars, verdict
from dashboard.figures import figures
from dashboard.pictures import fitted, squared
from dashboard.subject import Subject

PICTURE_SIDE = 360


def show_subject(subject: Subject, truth: bool) -> None:
    """Show the image that the page is about, and its true class where it is known and asked for."""
    st.html(f'<p class="ll-title">{escape(subject.title)}</p>')
    st.image(fitted(squared(subject.rgb), PICTURE_SIDE), width="stretch", alt=subject.alt, output_format="PNG")
    if truth:
        st.html(_truth(subject.label))
    kind = "Simulated, not a photograph. " if subject.simulated else ""
    st.caption(f"{kind}{subject.detail}")
    for note in subject.notes:
        st.caption(note)


def show_answer(answer: Answer, truth: str | None) -> None:
    """Show a model's answer, or in its place why there is none; `truth` is the class to compare with, if any."""
    st.html(f'<p class="ll-title">{escape(answer.slot.title)}</p>')
    prediction, view = answer.prediction, answer.view
    if prediction is None or view is None or answer.slot.classifier is None:
        st.warning(answer.fault, icon=":material/block:")
        return
    st.image(
        fitted(view.rgb, PICTURE_SIDE),
        width="stretch",
        alt=f"What {answer.slot.title} saw: the {FRAMINGS[answer.framing]}",
        output_format="PNG",
    )
    st.html(
        f'<p class="ll-caption">{seen(answer.slot.classifier.card.framing, view)}</p>'
        + verdict(prediction.predicted, prediction.confidence, truth)
        + probability_bars(prediction.classes, prediction.probabilities.tolist(), answer.slot.title)
        + facts(figures(answer.slot.classifier.card, prediction))
    )
    for message in (*view.warnings, caution(answer)):
        if message:
            st.caption(f":orange[:material/warning:] {message}")


def seen(trained: str, view: View) -> str:
    """Say in a line what the model sees here, and what it was trained on."""
    shown = FRAMINGS[view.framing if view.found else "frame"]
    if shown == FRAMINGS[trained]:
        return f"Trained on and sees the {shown}"
    return f"Trained on the {FRAMINGS[trained]}, sees the {shown}"


def _truth(label: str | None) -> str:
    if label is None:
        return '<p class="ll-truth">True class: not known</p>'
    return f'<p class="ll-truth">True class: <strong>{escape(label)}</strong></p>'
