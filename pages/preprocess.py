"""Preprocess: cut the cell out by colour, stage by stage, and see what that does to the models' answers."""

from __future__ import annotations

import streamlit as st

from dashboard import answers, state
from dashboard.images import chosen_image
from dashboard.models import chosen_names
from dashboard.preprocess.controls import parameter_form, save_and_load
from dashboard.preprocess.stages import show_before_and_after, show_stages

chosen = chosen_image()
subject = chosen.subject
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")


@st.fragment
def workbench() -> None:
    """Controls beside the stages; a moved slider redraws this part alone."""
    controls, pictures = st.columns([1, 2.3], gap="medium")
    with controls:
        parameter_form(subject)
    parameters = answers.parameters_for(subject, state.get("cell"))
    with pictures:
        show_stages(answers.crop(subject, parameters), subject)
    show_before_and_after(chosen_names(), subject, parameters)
    save_and_load(parameters)
    state.write_address()


workbench()
