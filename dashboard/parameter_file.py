"""Saving the pipeline's parameters to a file and loading them back."""

from __future__ import annotations

import streamlit as st

from core.errors import InputError
from core.preprocessing.parameters import CellParameters
from dashboard import state
from dashboard.parameter_text import AUTOMATIC, rightly_named

KEY, FAULT = "parameter-file", "parameter-file-fault"
LARGEST_MB = 1


def save_and_load(parameters: CellParameters) -> None:
    """Show a button that saves `parameters` as JSON and a place to load such a file.

    Bounds that were suggested for one image are saved as manual: the file means the same for every image.
    """
    fixed = parameters.revised() if parameters.mode == AUTOMATIC else parameters
    with st.expander("Save or load these parameters"):
        st.download_button(
            "Save as JSON",
            fixed.to_json(),
            "leukolens-parameters.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.file_uploader("Load a saved file", max_upload_size=LARGEST_MB, key=KEY, on_change=_load)
        if st.session_state.get(FAULT):
            st.error(st.session_state[FAULT], icon=":material/block:")


def _load() -> None:
    file = st.session_state[KEY]
    st.session_state[FAULT] = ""
    if file is None:
        return
    try:
        state.put("cell", rightly_named(CellParameters.from_json(file.getvalue())))
    except InputError as error:
        st.session_state[FAULT] = str(error)
