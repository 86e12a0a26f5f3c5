"""Practice: cells to name alone, with the answer at once, a model's beside it, and missed cells that come back."""

from __future__ import annotations

import streamlit as st

from dashboard.practice.page import show_practice

with st.container(key="practice"):
    show_practice()
