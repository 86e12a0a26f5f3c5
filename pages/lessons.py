"""Lessons: guided tours in steps, each with the real, live part of the dashboard that it speaks of."""

from __future__ import annotations

import streamlit as st

from dashboard.lessons.page import show_lessons

with st.container(key="lessons"):
    show_lessons()
