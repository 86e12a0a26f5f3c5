"""Fit: a model fitted to one's own laboratory by some labelled cells."""

from __future__ import annotations

import streamlit as st

from dashboard.fit.page import show_fitting

with st.container(key="fitting"):
    show_fitting()
