"""Who may train from the dashboard: it starts work on the server and reads paths there."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import streamlit as st

LOCAL = {"localhost", "127.0.0.1", "::1"}
FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}
SWITCH = "LEUKOLENS_TRAINING"
CLOSED = "Training is switched off here: it starts long work on the server and reads folders there"
AWAY = f"{CLOSED}, and your browser seems to run on another machine."
OFF = f"{CLOSED}. `{SWITCH}=off` in the server's environment says so."
HOW = f"Whoever runs the server can switch it on with `{SWITCH}=on` in its environment"
THERE = ", or open the page there, at `localhost`"
COMMAND = "On the command line, `python -m core train` does the same work."


def is_open() -> bool:
    """Whether this session may train: where the server's owner says so, or where server and browser are one machine."""
    switch = _switch()
    if switch in ("on", "off"):
        return switch == "on"
    headers = {name.lower() for name in st.context.headers}
    return is_local(st.context.headers.get("Host"), st.context.ip_address, bool(headers & FORWARDED))


def _switch() -> str:
    return os.environ.get(SWITCH, "").strip().lower()


def is_local(host: str | None, address: str | None, forwarded: bool) -> bool:
    """Whether the browser asked for this machine (`host`), from this machine (`address`; None is localhost).

    A request that a proxy passed on (`forwarded`) is not: who asked it is not known.
    """
    asked = urlsplit(f"//{host}").hostname if host else None
    return asked in LOCAL and (address is None or address in LOCAL) and not forwarded


def show_closed() -> None:
    """Say that training is switched off, and how it is switched on."""
    off = _switch() == "off"
    st.info(OFF if off else AWAY, icon=":material/lock:")
    st.markdown(f"{HOW}{'' if off else THERE}. {COMMAND}")
