"""The phone's offline app: its built files served beside the dashboard, and the link that opens it.

Streamlit serves a component's folder with the right types, and its static files as text; so the app's folder goes by as
a component that no page shows. Its engine runs in one thread and needs no isolation headers.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import streamlit as st
from streamlit.components.v1 import declare_component

from dashboard.access import LOCAL

APP = Path(__file__).parents[1] / "phone" / "app"
ROUTE = "/component/dashboard.phone.app/index.html"


def phone_address(here: str, known_pages: tuple[str, ...]) -> str:
    """The app's address beside the dashboard's page `here`; "" where the browser did not tell that one."""
    parts = urlsplit(here)
    if parts.scheme not in ("http", "https"):
        return ""
    base = parts.path.rstrip("/")
    head, _, last = base.rpartition("/")
    if last in known_pages:
        base = head
    return urlunsplit((parts.scheme, parts.netloc, f"{base}{ROUTE}", "", ""))


def is_built(app: Path = APP) -> bool:
    """Whether `make phone` has put the app there, whole."""
    return all((app / name).is_file() for name in ("index.html", "app.js", "engine.bin", "models.json"))


def serve_phone_app() -> bool:
    """Have the app's files served from now on; False where it was not built."""
    if not is_built():
        return False
    declare_component("app", path=APP)
    return True


def works_offline(address: str) -> bool:
    """Whether browsers keep a page of this address for use without a network: https, or this machine itself."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in LOCAL


def show_phone_link(here: str, known_pages: tuple[str, ...]) -> str:
    """Offer the app, or say how it is made; its address where it can be opened from a phone, else ""."""
    st.html('<p class="ll-title">On the phone, without a network</p>')
    if not serve_phone_app():
        st.caption("The offline app is not built on this server: `make phone` (needs Node.js) builds it.")
        return ""
    address = phone_address(here, known_pages)
    if not address:
        return ""
    st.markdown(f"[Open the offline app]({address})")
    st.caption(
        "MobileNet-V3-Small and the custom CNN with Grad-CAM, on the phone itself: no picture leaves it. "
        "Not a medical device."
    )
    if not works_offline(address):
        st.caption("Over plain http it works while connected, by choosing photos; https adds camera and offline use.")
    return "" if urlsplit(address).hostname in LOCAL else address
