"""What each model says about an image: its answer, or the reason why there is none. Engine calls are remembered by
content (model, image, framing, parameters); nothing here draws on the page."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from core.errors import InputError
from core.models.classifier import Classifier, Prediction
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.framing import FRAMINGS, View, frame_image, framing_warning
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import CellCrop, crop_cell
from dashboard.images import Subject
from dashboard.models import ModelEntry
from dashboard.url import TRAINED, default_parameters

LOG = logging.getLogger(__name__)


def parameters_for(subject: Subject, parameters: CellParameters) -> CellParameters:
    """Return the parameters to cut this image with: for the bare choice “automatic” those suggested for it."""
    if parameters != default_parameters():
        return parameters
    return _suggested(subject.sha256, subject)


@st.cache_data(show_spinner=False, max_entries=256)
def _suggested(sha256: str, _subject: Subject) -> CellParameters:
    return suggest_parameters(_subject.rgb)


def crop(subject: Subject, parameters: CellParameters) -> CellCrop:
    """Run the cell pipeline on an image; the last few results of this session are kept."""
    return _crop(subject.sha256, parameters.to_json(), subject, parameters)


@st.cache_resource(show_spinner=False, max_entries=12, scope="session")
def _crop(sha256: str, key: str, _subject: Subject, _parameters: CellParameters) -> CellCrop:
    return crop_cell(_subject.rgb, _parameters)


def framed_view(subject: Subject, framing: str, parameters: CellParameters) -> View:
    """Frame an image for a model; the parameters count for the masked framing alone."""
    cut = _cut(subject, framing, parameters)
    return _view(subject.sha256, framing, _key(cut), subject, cut)


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _view(sha256: str, framing: str, key: str, _subject: Subject, _cut: CellParameters | None) -> View:
    return frame_image(_subject.rgb, framing, _cut)


def prediction_of(classifier: Classifier, subject: Subject, framing: str, parameters: CellParameters) -> Prediction:
    """Ask one model about one image, framed; numbers alone are kept, for all sessions."""
    cut = _cut(subject, framing, parameters)
    view_of = framed_view(subject, framing, parameters)
    return _predict(classifier.identity, subject.sha256, framing, _key(cut), classifier, view_of)


@st.cache_data(show_spinner=False, max_entries=4096)
def _predict(
    model: tuple[str, str, str], sha256: str, framing: str, key: str, _classifier: Classifier, _view: View
) -> Prediction:
    return _classifier.predict([_view.rgb])[0]


def forget_pictures() -> None:
    """Drop what this session keeps of pictures: crops and views."""
    for remembered in (_crop, _view):
        remembered.clear()


def _cut(subject: Subject, framing: str, parameters: CellParameters) -> CellParameters | None:
    return parameters_for(subject, parameters) if framing == "masked" else None


def _key(cut: CellParameters | None) -> str:
    return "" if cut is None else cut.to_json()


@dataclass(frozen=True)
class Answer:
    """One model's answer to one image, or `fault`, the reason why there is none.

    `view` is the picture the model saw; `counted` tells whether it was framed as in training and shows a cell that
    was found, so that the answer takes part in the sentence on agreement.
    """

    entry: ModelEntry
    framing: str = ""
    counted: bool = False
    prediction: Prediction | None = None
    view: View | None = None
    fault: str = ""


def framing_for(entry: ModelEntry, chosen: str) -> str:
    """Return the framing that a model gets: its own, unless another was chosen."""
    if chosen != TRAINED or entry.classifier is None:
        return chosen
    return entry.classifier.card.framing


def ask(entry: ModelEntry, subject: Subject, chosen_framing: str, parameters: CellParameters) -> Answer:
    """Ask one model about one image; whatever goes wrong stays in its answer."""
    if entry.classifier is None:
        return Answer(entry, fault=entry.fault)
    framing = framing_for(entry, chosen_framing)
    try:
        view = framed_view(subject, framing, parameters)
        prediction = prediction_of(entry.classifier, subject, framing, parameters)
    except InputError as error:
        return Answer(entry, framing, fault=str(error))
    except Exception:
        LOG.exception("the model %s failed on an image", entry.name)
        return Answer(entry, framing, fault="This model failed on this image; the server's log says why.")
    counts = view.found and framing == entry.classifier.card.framing
    return Answer(entry, framing, counts, prediction, view)


def caution(answer: Answer) -> str:
    """Return the warning an answer carries when its model was not trained on such pictures, or ""."""
    if answer.prediction is None or answer.counted or answer.entry.classifier is None:
        return ""
    warning = framing_warning(answer.framing, answer.entry.classifier.card.framing) or ""
    return f"{warning} It takes no part in the sentence on agreement.".strip()


def framing_title(framing: str) -> str:
    """Return how a framing is called in a menu."""
    return "As each model was trained" if framing == TRAINED else FRAMINGS[framing].capitalize()


def counted(answers: list[Answer]) -> list[Prediction]:
    """Return the predictions that count towards agreement."""
    return [answer.prediction for answer in answers if answer.prediction is not None and answer.counted]
