"""The sentence on whether the models agree, and the warning above it where they know nothing like the image."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.models.consensus import consensus, unfamiliar_sentence
from dashboard.answers import Answer, counted
from dashboard.ui.format import unbroken

NO_CELL = (
    "No cell was found in this image: it may not be a white blood cell. The models were shown the whole frame, and "
    "their answers mean nothing."
)


def show_agreement(answers: list[Answer]) -> None:
    """Say whether the models agree; only answers to cells found and framed as in training take part."""
    predictions = counted(answers)
    show_unfamiliar(answers)
    if predictions:
        titles = {answer.prediction.model: answer.entry.title for answer in answers if answer.prediction}
        sentence = consensus(predictions, titles).sentence
    elif any(answer.view is not None and not answer.view.found for answer in answers):
        sentence = NO_CELL
    elif any(answer.prediction for answer in answers):
        sentence = "No sentence on agreement: none of the models was trained on this framing."
    elif answers:
        sentence = "No model could answer; each says why below."
    else:
        return
    st.html(f'<p class="ll-sentence">{escape(unbroken(sentence))}</p>')


def show_unfamiliar(answers: list[Answer]) -> None:
    """Warn where the models have seen nothing like the image; only answers framed as in training can tell."""
    unfamiliar = unfamiliar_sentence(counted(answers))
    if unfamiliar:
        st.warning(unfamiliar, icon=":material/help:")
