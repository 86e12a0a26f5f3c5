"""Preprocess: cut the cell out by colour, stage by stage, and see what that does to the models' answers."""

from __future__ import annotations

import streamlit as st

from dashboard import cache, state
from dashboard.before_after import show_before_and_after
from dashboard.chosen import chosen_image
from dashboard.parameter_controls import parameter_form
from dashboard.parameter_file import save_and_load
from dashboard.slots import chosen_names
from dashboard.stages import show_stages

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
    parameters = cache.parameters_for(subject, state.get("cell"))
    with pictures:
        show_stages(cache.crop(subject, parameters), subject)
    show_before_and_after(chosen_names(), subject, parameters)
    save_and_load(parameters)
    state.write_address()


workbench()
