"""Compare: one cell, and what each model says about it, side by side."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.answers import Answer, ask
from dashboard.compare.cards import show_answer, show_common_test, show_model_cards, show_subject, show_waiting
from dashboard.compare.sheet import show_sheet
from dashboard.consensus import show_agreement
from dashboard.images import chosen_image
from dashboard.models import chosen_names, entry, known_classes, title
from dashboard.truth import answers_hidden, ask_for_a_guess, say_guess, told

chosen = chosen_image()
subject, truth = chosen.subject, told(chosen.subject.key)
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")

summary = st.empty()
names = chosen_names()
answers: list[Answer] = []
if answers_hidden(subject.key):
    cell, question = st.columns([1, 1.6], gap="large")
    with cell:
        show_subject(subject, truth)
    with question:
        ask_for_a_guess(subject.key, known_classes([entry(name) for name in names]))
    names = ()
else:
    grid = st.grid(6, min_column_width=146, gap=12, key="answers")
    with grid.cell():
        show_subject(subject, truth)
    if not names:
        grid.info(
            "No model is switched on. Switch one on under “Models” to see what it says.", icon=":material/toggle_off:"
        )
    slots = []
    for name in names:  # every place at once, so that no answer to the picture before is left standing
        with grid.cell():
            slots.append(st.empty())
            with slots[-1].container():
                show_waiting(title(name))
    for name, slot in zip(names, slots, strict=True):
        answers.append(ask(entry(name), subject, state.get("view"), state.get("cell")))
        with slot.container():
            show_answer(answers[-1], subject.label if truth else None)

with summary.container():
    say_guess(subject.key, subject.label if truth else None)
    show_agreement(answers)
show_common_test(answers)
show_sheet(names, state.get("view"), state.get("cell"))
show_model_cards(answers)
