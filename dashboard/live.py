"""What other pages lend to Practice and Lessons: their live parts, the very ones that stand there, by the names that a
lesson's file gives them. Folders of pages take nothing from one another otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.explanation.wording import largest_values
from dashboard import state
from dashboard.answers import Answer, ask, crop, parameters_for
from dashboard.audit.on_a_cell import show_shifts_on
from dashboard.compare.cards import show_answer, show_common_test, show_subject
from dashboard.consensus import show_agreement
from dashboard.evaluate.page import show_part_of_evaluation
from dashboard.explain.controls import setting_form
from dashboard.explain.jobs import ExplainRequest, explain_rows
from dashboard.explain.page import plainly_asked, show_work
from dashboard.explain.rendering import Look, shown_picture
from dashboard.images import Subject, chosen_image
from dashboard.lessons.shortcut import show_shortcut_cells, show_shortcut_figures, show_shortcut_test
from dashboard.models import chosen_names, entry
from dashboard.preprocess.controls import parameter_form
from dashboard.preprocess.stages import show_before_and_after, show_stages
from dashboard.truth import told
from dashboard.url import ALL, BY_NAME, TRAINED, default_parameters

MAP = "gradcam"
ACROSS = 270  # px of a map at most, where few stand side by side


@dataclass(frozen=True)
class ShownMap:
    """A model's answer, and its map of the class that it names as a JPEG with what it says; or `fault`, why not."""

    answer: Answer
    picture: bytes | None = None
    words: str = ""
    fault: str = ""


def map_of_named_class(model: str, subject: Subject) -> ShownMap:
    """Ask a model about a picture as it was trained, and draw its Grad-CAM map of the class that it names."""
    asked = ExplainRequest(subject, TRAINED, default_parameters(), (MAP,))
    row = explain_rows([model], asked)[0]
    explanation, prediction = row.explanations.get(MAP), row.answer.prediction
    if explanation is None or prediction is None:
        return ShownMap(row.answer, fault=row.fault_of(MAP) or row.answer.fault or "The map is still to come.")
    look = Look(BY_NAME["palette"].default, BY_NAME["diverging"].default, BY_NAME["opacity"].default / 100, False)
    picture = shown_picture(row.jobs[MAP].stamp(explanation), explanation, prediction.predicted, look)
    return ShownMap(row.answer, picture, ", ".join(largest_values(explanation, prediction.predicted)))


def show_cell_alone() -> None:
    """The picture of Compare."""
    subject = chosen_image().subject
    with st.container(width=360):
        show_subject(subject, told(subject.key))


def show_live_answers() -> None:
    """The cell and the models' answers, as on Compare."""
    subject = chosen_image().subject
    truth = told(subject.key)
    grid = st.grid(6, min_column_width=146, gap=12, key="answers")
    with grid.cell():
        show_subject(subject, truth)
    answers = []
    for name in chosen_names():
        answers.append(ask(entry(name), subject, state.get("view"), state.get("cell")))
        with grid.cell():
            show_answer(answers[-1], subject.label if truth else None)
    show_agreement(answers)
    show_common_test(answers)


@st.fragment
def show_live_stages() -> None:
    """The sliders of Preprocess beside its stages."""
    subject = chosen_image().subject
    controls, pictures = st.columns([1, 2.3], gap="medium")
    with controls, st.container(key="panel", gap="small"):
        parameter_form(subject)
    parameters = parameters_for(subject, state.get("cell"))
    with pictures:
        show_stages(crop(subject, parameters), subject)
        show_before_and_after(chosen_names(), subject, parameters)
    state.write_address()


def show_live_maps(worth: bool = False) -> None:
    """The maps of Explain under their settings; with `worth` its scores and checks below."""
    subject, names = chosen_image().subject, chosen_names()
    methods = state.get("methods")
    setting_form(methods, [entry(name) for name in names])
    asked = plainly_asked(subject, methods)
    with st.container(width=_width_of_maps()):
        show_work(names, asked, worth)


def _width_of_maps() -> int | Literal["stretch"]:
    """Where few classes are shown, as wide as their maps need to be: one alone would fill the page."""
    classes = state.get("classes")
    return "stretch" if classes == ALL or len(classes) > 2 else ACROSS * (1 + len(classes))


def show_live_shifts() -> None:
    """One cell in other light, focus and stain, as on Audit."""
    show_shifts_on(chosen_image().subject)


PARTS: dict[str, Callable[[], None]] = {  # the names that a lesson's step may `show`
    "none": lambda: None,
    "cell": show_cell_alone,
    "answers": show_live_answers,
    "stages": show_live_stages,
    "maps": show_live_maps,
    "worth": lambda: show_live_maps(worth=True),
    "shifts": show_live_shifts,
    "calibration": lambda: show_part_of_evaluation("calibration"),
    "elsewhere": lambda: show_part_of_evaluation("overview"),
    "papers": lambda: show_part_of_evaluation("papers"),
    "shortcut-test": show_shortcut_test,
    "shortcut": show_shortcut_cells,
    "shortcut-figures": show_shortcut_figures,
}
