"""Explain: where each model looked, for every class."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.bundle import zip_of
from dashboard.cache import parameters_for
from dashboard.chosen import chosen_image
from dashboard.explained import explain_row
from dashboard.map_controls import look, map_form
from dashboard.maps import show_legend, show_maps
from dashboard.slots import chosen_names, title

chosen = chosen_image()
subject, names = chosen.subject, chosen_names()
if chosen.message:
    st.warning(chosen.message, icon=":material/link_off:")


@st.fragment
def workbench() -> None:
    """Controls above the maps; a changed control redraws this part alone."""
    map_form()
    rows = []
    for name in names:
        with st.spinner(f"Explaining {title(name)}"):
            rows.append(explain_row(name, subject, state.get("view"), state.get("cell")))
    shown = look()
    show_legend(shown)
    show_maps(rows, shown)
    if any(row.explanations for row in rows):
        st.download_button(
            "Download everything as a zip",
            lambda: zip_of(rows, subject, parameters_for(subject, state.get("cell")), shown),
            "leukolens-explanations.zip",
            "application/zip",
            icon=":material/folder_zip:",
            help="Every method's pictures and raw values of all models, and a manifest with hashes and versions.",
            on_click="ignore",
        )
    state.write_address()


if names:
    workbench()
else:
    st.info(
        "No model is switched on. Switch one on in the sidebar to see where it looks.", icon=":material/toggle_off:"
    )
