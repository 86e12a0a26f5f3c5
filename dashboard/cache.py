"""Engine calls, remembered by content: model, image, framing and parameters. Nothing here draws on the page."""

from __future__ import annotations

import streamlit as st

from core.classifier import Classifier
from core.prediction import Prediction
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.framing import View, frame_image
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import CellCrop, crop_cell
from dashboard.parameter_text import default_parameters
from dashboard.subject import Subject


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


def view(subject: Subject, framing: str, parameters: CellParameters) -> View:
    """Frame an image for a model; the parameters count for the masked framing alone."""
    cut = _cut(subject, framing, parameters)
    return _view(subject.sha256, framing, _key(cut), subject, cut)


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _view(sha256: str, framing: str, key: str, _subject: Subject, _cut: CellParameters | None) -> View:
    return frame_image(_subject.rgb, framing, _cut)


def predict(classifier: Classifier, subject: Subject, framing: str, parameters: CellParameters) -> Prediction:
    """Ask one model about one image, framed; numbers alone are kept, for all sessions."""
    cut = _cut(subject, framing, parameters)
    view_of = view(subject, framing, parameters)
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
