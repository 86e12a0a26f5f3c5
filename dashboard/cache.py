"""Engine calls, remembered by content: model, image, framing and parameters. Nothing here draws on the page."""

from __future__ import annotations

import streamlit as st

from core.classifier import Classifier
from core.explanation.engine import explain
from core.explanation.explanation import Explanation
from core.explanation.methods import METHODS
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


def explained(
    classifier: Classifier, subject: Subject, framing: str, parameters: CellParameters
) -> dict[str, Explanation]:
    """Explain one model's logits for one image: every class, every method of one pass.

    Simulated cells' maps are shared by all sessions; an upload's stay in the session that brought it.
    """
    key = _key(_cut(subject, framing, parameters))
    remembered = _explained_for_all if subject.simulated else _explained_here
    view_of = view(subject, framing, parameters)
    return remembered(classifier.identity, subject.sha256, framing, key, classifier, view_of)


@st.cache_resource(show_spinner=False, max_entries=80)
def _explained_for_all(
    model: tuple[str, str, str], sha256: str, framing: str, key: str, _classifier: Classifier, _view: View
) -> dict[str, Explanation]:
    return explain(_classifier, _view.rgb, tuple(METHODS))


@st.cache_resource(show_spinner=False, max_entries=16, scope="session")
def _explained_here(
    model: tuple[str, str, str], sha256: str, framing: str, key: str, _classifier: Classifier, _view: View
) -> dict[str, Explanation]:
    return explain(_classifier, _view.rgb, tuple(METHODS))


def forget_pictures() -> None:
    """Drop what this session keeps of pictures: crops, views and maps."""
    for remembered in (_crop, _view, _explained_here):
        remembered.clear()


def _cut(subject: Subject, framing: str, parameters: CellParameters) -> CellParameters | None:
    return parameters_for(subject, parameters) if framing == "masked" else None


def _key(cut: CellParameters | None) -> str:
    return "" if cut is None else cut.to_json()
