"""Who may read folders of the server, or start work there, from the dashboard: Train and Evaluate ask here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

import streamlit as st

LOCAL = {"localhost", "127.0.0.1", "::1"}
SWITCH = "LEUKOLENS_TRAINING"
FORWARDING = (  # how the headers begin by which a relay tells that it asks for somebody else
    "forwarded",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-",
    "x-proxyuser-ip",
    "true-client-ip",
    "client-ip",
    "cf-",
    "fastly-client-ip",
    "fly-client-ip",
    "tailscale-",
    "ngrok-",
    "via",
)


def is_open() -> bool:
    """Whether this session may: where the server's owner says so, or where server and browser are one machine."""
    told = switch()
    if told in ("on", "off"):
        return told == "on"
    headers = st.context.headers
    return is_local(headers.get("Host"), st.context.ip_address, is_forwarded(headers))


def switch() -> str:
    """What LEUKOLENS_TRAINING says, in lower case."""
    return os.environ.get(SWITCH, "").strip().lower()


def is_forwarded(headers: Iterable[str]) -> bool:
    """Whether one of these names of headers is a relay's: then it is not known who asks."""
    return any(name.lower().startswith(FORWARDING) for name in headers)


def is_local(host: str | None, address: str | None, forwarded: bool) -> bool:
    """Whether the browser asked for this machine (`host`), from this machine (`address`; None is localhost).

    A request that a relay passed on (`forwarded`) is not, though the relay may run here.
    """
    asked = _hostname(host)
    return asked in LOCAL and (address is None or address in LOCAL) and not forwarded


def _hostname(host: str | None) -> str | None:
    try:
        parts = urlsplit(f"//{host or ''}")
        return parts.hostname if parts.port is None or parts.port > 0 else None
    except ValueError:  # a port that is none, brackets that do not close
        return None
