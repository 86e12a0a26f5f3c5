"""The entry: what every page shares (navigation, choices, gallery) around the page that is shown.

Start it from any folder with `streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
LOG = logging.getLogger("dashboard")
PAGES = {  # section: its pages, by file and title
    "Look": (("compare", "Compare"), ("preprocess", "Preprocess"), ("explain", "Explain"), ("fields", "Fields")),
    "Learn": (("classroom", "Class"), ("practice", "Practice"), ("lessons", "Lessons"), ("laboratory", "Laboratory")),
    "Judge": (("evaluate", "Evaluate"), ("audit", "Audit")),
    "Make": (("fit", "Fit"), ("train", "Train")),
}
FIRST = "compare"
WITH_SLIDERS = ("preprocess", "explain", "laboratory")  # which take the arrow keys themselves
WITHOUT_PICTURE = ("fields", "audit", "fit", "train", "evaluate", "practice", "lessons")  # about no single picture
WITHOUT_MODELS = ("fit", "train", "practice", "lessons")  # pages that are not about what several models answer
OWN_ADDRESS = ("classroom",)  # pages whose address holds secrets, which join no shared choice and no link
WITH_UPLOADS = ("fields", "fit", "practice")  # pages about no single picture that take several
ICON = Path(__file__).with_name("icon.png")  # our own: Streamlit would ask another host for a symbol
STYLE = Path(__file__).with_name("style.css")
LEAD = (
    '<p class="ll-lead"><strong>LeukoLens</strong><span class="ll-long"> shows what neural networks say about a white '
    'blood cell, and where they looked</span>. <span class="ll-quiet">For teaching and audit; '
    "not a medical device.</span></p>"
)


def main() -> None:
    """Show the chosen page among the shared controls; a fault of a page becomes a sentence, never a traceback."""
    st.set_page_config(layout="wide", page_icon=str(ICON))
    sections = {section: [_page(name, title) for name, title in pages] for section, pages in PAGES.items()}
    page = st.navigation(sections, position="hidden")
    st.set_page_config(page_title=f"{page.title} – LeukoLens")
    st.html(STYLE)
    if getattr(st.context.theme, "type", None) == "dark":
        st.html('<span class="ll-dark"></span>')
    _show_navigation(sections)
    st.html(f'<h1 class="ll-page">{page.title}</h1>{LEAD}')
    try:
        with st.spinner("Starting the engine; this takes a few seconds, once"):
            from dashboard import state
            from dashboard.models import spare_the_engine
            from dashboard.toolbar import shared_controls

            spare_the_engine()
        if page.url_path in OWN_ADDRESS:
            state.stay_out(page.url_path)
            page.run()
            return
        state.begin(page.url_path)
        shared_controls(
            picture=page.url_path not in WITHOUT_PICTURE,
            models=page.url_path not in WITHOUT_MODELS,
            uploading=page.url_path in WITH_UPLOADS,
            arrows=page.url_path not in WITH_SLIDERS,
        )
        page.run()
        state.write_address()
    except Exception:
        LOG.exception("the page %s stopped", page.title)
        st.error(
            "Something on this page failed unexpectedly; your choices are kept. Reload the page, or choose another "
            "image. The server's log holds the details.",
            icon=":material/report:",
        )


def _show_navigation(sections: dict[str, list[st.Page]]) -> None:
    """Every page in one row, all in sight on a phone too, in two; a rule between the sections."""
    with st.container(horizontal=True, gap="xsmall", key="navigation"):
        for section, pages in sections.items():
            with st.container(horizontal=True, gap=None, width="content", key=f"section-{section.lower()}"):
                for page in pages:
                    st.page_link(page, width="content")


def _page(name: str, title: str) -> st.Page:
    return st.Page(ROOT / "pages" / f"{name}.py", title=title, default=name == FIRST)


if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
main()
