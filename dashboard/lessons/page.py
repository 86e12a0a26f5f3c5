"""The Lessons page: the list of lessons, or one of them step by step, each with its text, its question and the live
part of the dashboard that it is about."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.lessons.markup import shown_markup
from core.lessons.reader import Lesson, LessonQuestion, LessonStep
from dashboard import state
from dashboard.lessons.library import library, missing_models, offer_upload, state_of
from dashboard.live import PARTS
from dashboard.ui.format import quoted

SET_UP = "lesson-set-up"  # the step whose state was last put in place
LEAD = (
    "Short tours with the real thing beside the text: what you change is what the models are asked. Nothing you answer "
    "is kept."
)


def show_lessons() -> None:
    """Show the chosen lesson at its step, or what there is to choose from."""
    at_hand = library()
    for name in ("lesson", "step"):
        state.say_problem(name)
    name = state.get("lesson")
    if name in at_hand.lessons:
        _show_lesson(name, at_hand.lessons[name])
        return
    st.session_state.pop(SET_UP, None)
    if name:
        st.warning(
            f"There is no lesson “{quoted(name)}” here. One that was brought as a file stays with its browser.",
            icon=":material/link_off:",
        )
    _show_list(at_hand.lessons, at_hand.faults)


def _show_list(lessons: dict[str, Lesson], faults: tuple[str, ...]) -> None:
    st.html(f'<p class="ll-sentence">{LEAD}</p>')
    for name, lesson in lessons.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                quoted(lesson.title), key=f"lesson-{name}", width=520, icon=":material/school:", on_click=_open,
                args=(name, 1),
            )  # fmt: skip
            st.caption(f"{len(lesson.steps)} steps, about {lesson.minutes} minutes")
    for fault in faults:
        st.warning(quoted(fault), icon=":material/block:")
    offer_upload()
    st.caption(
        "How such a file is written stands in the documentation: docs/how-to/write-a-lesson.md. A folder of them is "
        "named by LEUKOLENS_LESSONS."
    )


def _open(name: str, step: int) -> None:
    state.put("lesson", name)
    state.put("step", step)


def _leave() -> None:
    state.reset("lesson")
    state.reset("step")


def _show_lesson(name: str, lesson: Lesson) -> None:
    number = min(state.get("step"), len(lesson.steps))
    step = lesson.steps[number - 1]
    if st.session_state.get(SET_UP) != (name, number):
        _set_up(name, number, step)
    _show_way(name, lesson, number)
    text, question = st.columns([1.25, 1], gap="large")
    with text:
        st.html(f'<h3 class="ll-method">{escape(step.title)}</h3>')
        st.markdown(shown_markup(step.text))
    with question:
        if step.head.question is not None:
            _show_question(f"{name}-{number}", step.head.question)
    _show_part(name, number, step)


def _set_up(name: str, number: int, step: LessonStep) -> None:
    """Put the step's state in place; it holds until the next step, or until it is changed."""
    for choice, value in state_of(step).items():
        state.put(choice, value)
    st.session_state[SET_UP] = (name, number)


def _show_way(name: str, lesson: Lesson, number: int) -> None:
    last = len(lesson.steps)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-way"):
        st.button("All lessons", key="lesson-list", type="tertiary", icon=":material/list:", on_click=_leave)
        st.html(f'<p class="ll-title">{escape(lesson.title)}: step {number} of {last}</p>', width="content")
        st.button(
            "Back", key="lesson-back", icon=":material/chevron_left:", disabled=number == 1, on_click=_open,
            args=(name, number - 1),
        )  # fmt: skip
        st.button(
            "Next", key="lesson-next", type="primary", icon=":material/chevron_right:", disabled=number == last,
            on_click=_open, args=(name, number + 1),
        )  # fmt: skip


def _show_part(name: str, number: int, step: LessonStep) -> None:
    missing = missing_models(step)
    if missing:
        told = ", ".join(f"“{quoted(model)}”" for model in missing)
        st.warning(f"This step is about the model {told}, which is not here.", icon=":material/link_off:")
    if step.head.show == "none":
        return
    with st.container(border=True, key="lesson-part"):
        PARTS[step.head.show]()
    st.button(
        "Set this step up again", key="lesson-again", type="tertiary", icon=":material/restart_alt:",
        on_click=_set_up, args=(name, number, step),
    )  # fmt: skip


@st.fragment
def _show_question(key: str, question: LessonQuestion) -> None:
    texts = [answer.text for answer in question.answers]
    chosen = st.radio(
        quoted(question.ask), range(len(texts)), index=None, format_func=lambda place: quoted(texts[place]),
        key=f"lesson-question-{key}",
    )  # fmt: skip
    if chosen is None:
        return
    answer = question.answers[chosen]
    mark = '<span class="ll-right">✓ right</span>' if answer.right else '<span class="ll-wrong">✗ not so</span>'
    st.html(f'<p class="ll-judged">{mark}</p><p class="ll-lead">{escape(answer.why)}</p>')
