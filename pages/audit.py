"""Audit: what the models' answers show, walked through, with decisions and remarks, to a report."""

from __future__ import annotations

import streamlit as st

from dashboard.audit.page import show_audit

with st.container(key="audit"):
    show_audit()
