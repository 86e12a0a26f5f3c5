"""Train: choose a recipe and images, start a training, watch it, end it, go on with it."""

from __future__ import annotations

import streamlit as st

from dashboard.access import is_open
from dashboard.train.page import choose_view, show_closed, show_runs

with st.container(key="training"):
    if not is_open():
        show_closed()
    elif choose_view() == "runs":
        show_runs()
    else:
        from dashboard.train.form import show_form

        show_form()
