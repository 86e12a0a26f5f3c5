"""Explain: where each model looked, for every class, by every method, and what each map is worth."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.explain.controls import map_form, setting_form
from dashboard.explain.page import asked_for, show_work
from dashboard.images import chosen_image
from dashboard.models import chosen_names, entry, known_classes

chosen = chosen_image()
subject, names = chosen.subject, chosen_names()
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")


@st.fragment
def workbench() -> None:
    """Controls above the maps; a changed control redraws this part alone."""
    entries = [entry(name) for name in names]
    map_form(known_classes(entries))
    with setting_form(state.get("methods"), entries):
        asked = asked_for(subject)
    if asked.methods:
        show_work(names, asked)
    else:
        st.info("No method is switched on. Switch one on above to see its maps.", icon=":material/toggle_off:")
    state.write_address()


if names:
    workbench()
else:
    st.info(
        "No model is switched on. Switch one on in the sidebar to see where it looks.", icon=":material/toggle_off:"
    )
