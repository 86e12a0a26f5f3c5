"""A link to what the page shows, with a code for phones."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import segno
import streamlit as st

from dashboard import state, url
from dashboard.access import LOCAL
from dashboard.phone import show_phone_link
from dashboard.uploads import PREFIX

PAGES = Path(__file__).parents[1] / "pages"


def show_link() -> None:
    """Show the address of what is on the page, to copy, and the same as a QR code."""
    st.html('<p class="ll-title">Link to this page</p>')
    address = page_address(st.context.url or "")
    if not address:
        st.caption("The address of this page is not known here: copy it from the browser.")
        return
    st.code(address, language=None, wrap_lines=True)
    if urlsplit(address).hostname in LOCAL:
        st.caption("This address works on this machine alone. `make run ADDRESS=0.0.0.0` lets other machines in.")
    else:
        st.image(qr_code(address), width=180, alt="QR code of the link")
    if state.get("image").startswith(PREFIX):
        st.caption("An uploaded picture does not travel with the link: who opens it is asked for the file.")
    _show_phone()


def _show_phone() -> None:
    """The offline app's link, and its QR code where a phone can reach it."""
    address = show_phone_link(st.context.url or "", tuple(path.stem for path in PAGES.glob("*.py")))
    if address:
        st.image(qr_code(address), width=180, alt="QR code of the offline app")


def page_address(here: str) -> str:
    """Return the page's address with the present choices; "" where the browser did not tell it."""
    parts = urlsplit(here)
    if parts.scheme not in ("http", "https"):
        return ""
    query = urlencode(url.written(st.session_state[state.VALUES]))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def qr_code(text: str) -> bytes:
    """Return the text's QR code (error correction M) as a PNG, dark on white for every ground."""
    buffer = io.BytesIO()
    segno.make(text, error="m", micro=False).save(buffer, kind="png", scale=6, border=3)
    return buffer.getvalue()
