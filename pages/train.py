"""Train: choose a recipe and images, start a training, watch it, end it, go on with it."""

from __future__ import annotations

import streamlit as st

from dashboard.training_gate import is_open, show_closed
from dashboard.training_page import choose_view
from dashboard.training_runs import show_runs

with st.container(key="training"):
    if not is_open():
        show_closed()
    elif choose_view() == "runs":
        show_runs()
    else:
        from dashboard.training_form import show_form  # reads recipes and images: no work for those who only watch

        show_form()
