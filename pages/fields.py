"""Fields: whole photographs of a smear, every white cell found, named by each model, corrected and counted."""

from __future__ import annotations

import streamlit as st

from dashboard.fields.page import show_fields

with st.container(key="fields"):
    show_fields()
