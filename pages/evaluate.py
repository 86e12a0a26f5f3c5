"""Evaluate: what trained models reach on the images they were tested with, and how sure that is."""

from __future__ import annotations

import streamlit as st

from dashboard.evaluate.page import show_evaluation

with st.container(key="evaluation"):
    show_evaluation()
