"""The one explanation service of this process, and what a session has of it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.explanation.service import ExplanationService

POLL = 0.7  # s between two looks at work that goes on
LEASE = 20.0  # s that work goes on without a page that looks at it: a closed browser's stops


@dataclass(frozen=True)
class Visit:
    """A session's claim on the service: `owner` is its name there."""

    owner: str

    @property
    def service(self) -> ExplanationService:
        """The service that all sessions share."""
        return service()

    def leave(self) -> None:
        """Stop this session's work and drop what it keeps of private pictures."""
        self.service.forget(self.owner)


@st.cache_resource(show_spinner=False, max_entries=1, on_release=ExplanationService.close)
def service() -> ExplanationService:
    """Return the service that all sessions share."""
    return ExplanationService()


def visit() -> Visit:
    """Return this session's claim; it is given up when the browser goes."""
    context = get_script_run_ctx()
    return _visit(context.session_id if context is not None else "")


@st.cache_resource(show_spinner=False, max_entries=1, scope="session", on_release=Visit.leave)
def _visit(owner: str) -> Visit:
    return Visit(owner)
