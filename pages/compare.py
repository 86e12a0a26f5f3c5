"""Compare: one cell, and what each model says about it, side by side."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.answers import Answer, ask
from dashboard.compare.batch import show_results
from dashboard.compare.cards import show_answer, show_model_cards, show_subject
from dashboard.consensus import show_agreement
from dashboard.images import chosen_image
from dashboard.models import chosen_names, entry, title

chosen = chosen_image()
subject, truth = chosen.subject, state.get("truth")
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")

summary = st.container()
names = chosen_names()
grid = st.grid(6, min_column_width=146, gap=12, key="answers")
with grid.cell():
    show_subject(subject, truth)

answers: list[Answer] = []
for name in names:
    with grid.cell():
        with st.spinner(f"Asking {title(name)}"):
            answers.append(ask(entry(name), subject, state.get("view"), state.get("cell")))
        show_answer(answers[-1], subject.label if truth else None)
if not names:
    grid.info(
        "No model is switched on. Switch one on in the sidebar to see what it says.", icon=":material/toggle_off:"
    )

with summary:
    show_agreement(answers)
show_results(names, state.get("view"), state.get("cell"), truth)
show_model_cards(answers)
