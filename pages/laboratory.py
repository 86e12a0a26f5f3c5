"""Laboratory: a cell taken apart, what that does to each model's answer, and whether the maps foretell it."""

from __future__ import annotations

import streamlit as st

from dashboard.laboratory.page import show_laboratory

with st.container(key="laboratory"):
    show_laboratory()
