"""What the models say of a session's cells, and where they looked: asked once a cell, and kept for the whole class."""

from __future__ import annotations

import hashlib
import logging
import time
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
RETRY = 30.0  # s until a model or a map that failed is tried again
AT_ONCE = 0.4  # s of work ahead between two looks of the screen, which answers no key meanwhile
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
    return [_answer_of(session.code, position, name) for name in session.settings.models]


def _answer_of(code: str, position: int, model: str) -> ModelAnswer:
    """One model's answer; one that failed is asked again after a while."""
    found = _asked(code, position, model, 0)
    return found if found.label else _asked(code, position, model, _window())


def _window() -> int:
    """A number that rises every RETRY seconds, and is never 0: what failed is kept under it."""
    return 1 + int(time.monotonic() // RETRY)


@st.cache_data(show_spinner=False, max_entries=600, ttl=86_400)
def _asked(code: str, position: int, model: str, window: int) -> ModelAnswer:
    """The answer that was kept, or the model's own now, which is kept where it is one."""
    store = ClassStore()
    kept = next((one for one in store.answers(code, position).get(position, []) if one.model == model), None)
    if kept is not None and kept.label:
        return kept
    found = _answer(model, ask(entry(model), _subject(code, position), TRAINED, default_parameters()))
    if found.label:
        store.keep_answers(code, position, [found])
    return found


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


def class_map(code: str, position: int, model: str, method: str) -> ClassMap:
    """Where a model looked for the class that it named; whatever goes wrong stays in the map, and is tried again."""
    found = _drawn(code, position, model, method, 0)
    return found if found.png else _drawn(code, position, model, method, _window())


@st.cache_data(show_spinner=False, max_entries=600, ttl=86_400)
def _drawn(code: str, position: int, model: str, method: str, window: int) -> ClassMap:
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


def prepare(session: ClassSession, done: int) -> tuple[int, int]:
    """Ask the models about the present cell before the class comes to that step, from the piece `done` on.

    A little at a time, so that the screen answers to its keys; how many pieces are done then, and how many there are.
    """
    models, methods = session.settings.models, session.settings.methods
    pieces = [(name, "") for name in models] + [(name, method) for method in methods for name in models]
    began = time.monotonic()
    while done < len(pieces) and time.monotonic() - began < AT_ONCE:
        name, method = pieces[done]
        if not method:
            _answer_of(session.code, session.position, name)
        else:
            class_map(session.code, session.position, name, method)
        done += 1
    return done, len(pieces)


def forget_sessions() -> None:
    """Let go of all pictures, answers and maps that are held for sessions: one of them is gone for good."""
    for held in (cell_picture, _asked, _drawn):
        held.clear()


@st.cache_data(show_spinner=False, max_entries=120, ttl=86_400)
def cell_picture(code: str, position: int) -> bytes:
    """A cell's picture as a PNG of pixels alone, kept for all who look at it."""
    return ClassStore().cell(code, position).png
