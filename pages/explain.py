"""Explain: where each model looked, for every class, by every method, and what each map is worth."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.explain.controls import fitting_methods, map_form, setting_form
from dashboard.explain.page import asked_for, show_whole_picture, show_work
from dashboard.images import chosen_image
from dashboard.models import chosen_names, entry, known_classes
from dashboard.truth import answers_hidden, ask_for_a_guess

chosen = chosen_image()
subject, names = chosen.subject, chosen_names()
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")


@st.fragment
def workbench() -> None:
    """Controls beside the maps, in sight while the maps scroll; a changed control redraws this part alone."""
    entries = [entry(name) for name in names]
    panel, work = st.columns([1, 3.7], gap="medium")
    with panel, st.container(key="panel", gap="small"):
        map_form(known_classes(entries), entries)
        methods = fitting_methods(entries, state.get("methods"))
        with setting_form(methods, entries):
            asked = asked_for(subject, methods)
    with work:
        show_whole_picture(subject)
        if asked.methods:
            show_work(names, asked)
        else:
            st.info("No method is switched on. Switch one on to see its maps.", icon=":material/toggle_off:")
    state.write_address()


if not names:
    st.info(
        "No model is switched on. Switch one on under “Models” to see where it looks.", icon=":material/toggle_off:"
    )
elif answers_hidden(subject.key):
    ask_for_a_guess(subject.key, known_classes([entry(name) for name in names]))
else:
    workbench()
