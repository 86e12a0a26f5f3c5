"""The entry: what every page shares (choices, gallery, sidebar) around the page that is shown.

Start it from any folder with `streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from dashboard import state  # noqa: E402
from dashboard.shell import shared_controls, top  # noqa: E402

LOG = logging.getLogger(__name__)
PAGES = (("compare", "Compare"), ("preprocess", "Preprocess"), ("explain", "Explain"))


def main() -> None:
    """Show the chosen page among the shared controls; a fault of a page becomes a sentence, never a traceback."""
    st.set_page_config(page_title="LeukoLens", layout="wide", initial_sidebar_state=276, page_icon=":material/biotech:")
    page = st.navigation([_page(name, title) for name, title in PAGES], position="top")
    state.begin(page.url_path)
    try:
        top()
        shared_controls()
        page.run()
    except Exception:
        LOG.exception("the page %s stopped", page.title)
        st.error(
            "Something on this page failed unexpectedly; your choices are kept. Reload the page, or choose another "
            "image. The server's log holds the details.",
            icon=":material/report:",
        )
    state.write_address()


def _page(name: str, title: str) -> st.Page:
    return st.Page(ROOT / "pages" / f"{name}.py", title=title, default=name == PAGES[0][0])




main()
