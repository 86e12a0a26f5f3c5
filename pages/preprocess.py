"""Preprocess: cut the cell out by colour, stage by stage, and see what that does to the models' answers."""

from __future__ import annotations

import streamlit as st

from dashboard import answers, state
from dashboard.images import chosen_image
from dashboard.models import chosen_names, entry, known_classes
from dashboard.preprocess.controls import parameter_form, save_and_load
from dashboard.preprocess.stages import show_before_and_after, show_stages
from dashboard.truth import answers_hidden, ask_for_a_guess

chosen = chosen_image()
subject = chosen.subject
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")


@st.fragment
def workbench() -> None:
    """Controls beside the stages; a moved slider redraws this part alone."""
    controls, pictures = st.columns([1, 2.3], gap="medium")
    with controls, st.container(key="panel", gap="small"):
        parameter_form(subject)
    parameters = answers.parameters_for(subject, state.get("cell"))
    with pictures:
        show_stages(answers.crop(subject, parameters), subject)
        if answers_hidden(subject.key):
            ask_for_a_guess(subject.key, known_classes([entry(name) for name in chosen_names()]))
        else:
            show_before_and_after(chosen_names(), subject, parameters)
        save_and_load(parameters)
    state.write_address()


workbench()
