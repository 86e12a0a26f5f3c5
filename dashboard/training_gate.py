"""Who may train from the dashboard: it starts work on the server and reads paths there."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import streamlit as st

LOCAL = {"localhost", "127.0.0.1", "::1"}
SWITCH = "LEUKOLENS_TRAINING"
CLOSED = (
    "Training is switched off here: it starts long work on the server and reads folders there, and this dashboard can "
    "be reached from other machines."
)
HOW = (
    f"Whoever runs the server can switch it on with `{SWITCH}=on` in its environment, or by serving this machine "
    "alone (`make run`, or `streamlit run dashboard/app.py --server.address localhost`). On the command line, "
    "`python -m core train --help` does the same work."
)


def is_open() -> bool:
    """Whether this session may train: where the server's owner says so, or where server and browser are one machine."""
    switch = os.environ.get(SWITCH, "").strip().lower()
    if switch in ("on", "off"):
        return switch == "on"
    return is_local(st.get_option("server.address"), st.context.headers.get("Host"))


def is_local(bound: str | None, host: str | None) -> bool:
    """Whether the server listens to this machine alone, and the browser asked for this machine."""
    asked = urlsplit(f"//{host}").hostname if host else None
    return bound in LOCAL and asked in LOCAL


def show_closed() -> None:
    """Say that training is switched off, and how it is switched on."""
    st.info(CLOSED, icon=":material/lock:")
    st.markdown(HOW)
