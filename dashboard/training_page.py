"""The two views of the Train page."""

from __future__ import annotations

import streamlit as st

from core.runs.listing import list_runs
from core.runs.place import default_runs
from dashboard import state
from dashboard.training_memory import kept_option, recall

VIEWS = {"new": "New training", "runs": "Runs"}


def choose_view() -> str:
    """Let the reader choose between a new training and the runs; what goes on comes first."""
    first = "new"
    asked_for = bool(state.get("run") or state.problem("run"))
    if recall("view") is None and (asked_for or any(run.going_on for run in list_runs(default_runs()).runs)):
        first = "runs"
    picked = st.segmented_control(
        "View",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        **kept_option("view", list(VIEWS), first),
    )
    return picked or first
