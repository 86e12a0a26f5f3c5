"""What the models say of a session's cells, and where they looked: asked once a cell, and kept for the whole class."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import streamlit as st

from core.errors import InputError
from core.explanation.engine import explain
from core.explanation.methods.registry import METHODS
from core.explanation.render import picture
from core.teaching.store import ClassSession, ClassStore, ModelAnswer
from dashboard.answers import Answer, ask
from dashboard.images import Subject
from dashboard.models import entry, title
from dashboard.ui.html import png_bytes
from dashboard.url import TRAINED, default_parameters

LOG = logging.getLogger(__name__)
NO_MAP = "This map could not be computed; the server's log says why."


@dataclass(frozen=True)
class ClassMap:
    """A map as a PNG, b"" where there is none; the method's title, and what it shows or why there is nothing."""

    png: bytes
    title: str
    told: str


def quick_methods() -> list[str]:
    """The methods whose maps are there after one pass: a class does not wait for others."""
    return [name for name, method in METHODS.items() if method.instant]


def answers_to(session: ClassSession, position: int) -> list[ModelAnswer]:
    """What the session's models say of a cell, in their order; asked now where nobody has yet."""
    return _answers(session.code, position, session.settings.models)


@st.cache_data(show_spinner=False, max_entries=240)
def _answers(code: str, position: int, models: tuple[str, ...]) -> list[ModelAnswer]:
    store = ClassStore()
    kept = {one.model: one for one in store.answers(code, position).get(position, [])}
    missing = [name for name in models if name not in kept]
    if missing:
        subject = _subject(code, position)
        new = [_answer(name, ask(entry(name), subject, TRAINED, default_parameters())) for name in missing]
        store.keep_answers(code, position, new)
        kept |= {one.model: one for one in new}
    return [kept[name] for name in models]


def _subject(code: str, position: int) -> Subject:
    """The cell as an image of the dashboard, without its class."""
    cell = ClassStore().cell(code, position)
    digest = hashlib.sha256(cell.png).hexdigest()
    return Subject(f"class-{code}-{position}", f"Cell {position + 1}", cell.rgb, digest, False, None, "")


def _answer(name: str, answer: Answer) -> ModelAnswer:
    found = answer.prediction
    if found is None:
        return ModelAnswer(name, title(name), "", {}, answer.fault)
    shares = {label: round(float(share), 6) for label, share in zip(found.classes, found.probabilities, strict=True)}
    return ModelAnswer(name, title(name), found.predicted, shares)


@st.cache_data(show_spinner=False, max_entries=240)
def class_map(code: str, position: int, model: str, method: str) -> ClassMap:
    """Where a model looked for the class that it named; whatever goes wrong stays in the map."""
    kind = METHODS[method]
    model_entry = entry(model)
    answer = ask(model_entry, _subject(code, position), TRAINED, default_parameters())
    if answer.view is None or answer.prediction is None or model_entry.classifier is None:
        return ClassMap(b"", kind.title, answer.fault)
    named = answer.prediction.predicted
    try:
        found = explain(model_entry.classifier, answer.view.rgb, [method], (named,))[method]
        return ClassMap(png_bytes(picture(found, named)), kind.title, f"for {named}")
    except InputError as error:
        return ClassMap(b"", kind.title, str(error))
    except Exception:
        LOG.exception("%s of the model %s failed in a class", method, model)
        return ClassMap(b"", kind.title, NO_MAP)


def prepare(session: ClassSession) -> None:
    """Ask the models about the present cell before the class comes to that step."""
    for answer in answers_to(session, session.position) if session.settings.models else ():
        for method in session.settings.methods if answer.label else ():
            class_map(session.code, session.position, answer.model, method)
