"""The live parts of the lesson on shortcuts: the tiny network's test, four pictures with its answers and maps, and what
the mark does to it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.classes import CLASSES
from core.errors import InputError
from core.evaluation.intervals import wilson
from core.explanation.engine import explain
from core.explanation.render import picture
from core.lessons.shortcut import MARKED, TWIN, shortcut_cell, shortcut_figures, shortcut_model, with_mark
from core.preprocessing.framing import frame_image
from dashboard.ui.format import interval, percent, quoted, share
from dashboard.ui.html import png_bytes, table

FIRST = 30_000_000  # number of the first cell that is shown: neither training nor test drew it
MOST = 12  # pairs of cells under the slider
METHOD = "gradcam"
ACROSS = 210  # px of a picture


@dataclass(frozen=True)
class ShortcutView:
    """A picture as PNG, the network's map of the class that it names, that class, and how sure it is."""

    plain: bytes
    map: bytes
    named: str
    confidence: float


def show_shortcut_test() -> None:
    """Tell what the network reaches on its own test cells, and no more."""
    try:
        figures, card = shortcut_figures(), shortcut_model().card
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return
    found = wilson(round(figures.as_trained * figures.images), figures.images)
    st.html(
        f'<p class="ll-sentence">{escape(card.title.partition(" with")[0])}, {card.parameters:,} parameters: '
        f"<strong>{share(found.value)}</strong> of {figures.images:,} test cells are named right "
        f"({interval(found)}).</p>"
    )


def show_shortcut_cells() -> None:
    """Show a monocyte with its mark and without, a lymphocyte without and with, each with answer and map."""
    number = st.slider("Cell", 1, MOST, 1, key="shortcut-cell", width=300)
    shown = [(MARKED, True), (MARKED, False), (TWIN, False), (TWIN, True)]
    with st.container(horizontal=True, gap="medium", key="shortcut-cells"):
        for label, marked in shown:
            with st.container(width=ACROSS, gap="xsmall"):
                try:
                    _show_view(label, marked, shortcut_view(label, number, marked))
                except InputError as error:
                    st.error(quoted(str(error)), icon=":material/block:")
    st.caption("Simulated cells. Under each picture: the network's answer, and its Grad-CAM map for that class.")


def _show_view(label: str, marked: bool, view: ShortcutView) -> None:
    title = f"{label}, {'with' if marked else 'without'} the dot"
    st.html(f'<p class="ll-title">{title}</p>')
    st.image(view.plain, width="stretch", alt=f"A simulated {title}")
    judged = '<span class="ll-right">✓</span>' if view.named == label else '<span class="ll-wrong">✗</span>'
    st.html(f"<p>{judged} <strong>{escape(view.named)}</strong>, {percent(view.confidence)}</p>")
    st.image(view.map, width="stretch", alt=f"Grad-CAM for {view.named}")


@st.cache_data(show_spinner=False, max_entries=4 * MOST)
def shortcut_view(label: str, number: int, marked: bool) -> ShortcutView:
    """Ask the network about a cell of the lesson; the dot is the only thing that `marked` changes."""
    rgb = _cell(label, number)
    framed = frame_image(with_mark(rgb, FIRST + number) if marked else rgb, "frame").rgb
    classifier = shortcut_model()
    answer = classifier.predict([framed])[0]
    named = answer.predicted
    found = explain(classifier, framed, [METHOD], (named,))[METHOD]
    return ShortcutView(png_bytes(framed), png_bytes(picture(found, named)), named, float(answer.confidence))


@st.cache_data(show_spinner=False, max_entries=2 * MOST)
def _cell(label: str, number: int) -> NDArray[np.uint8]:
    return shortcut_cell(label, FIRST + number * len(CLASSES) + CLASSES.index(label))


def show_shortcut_figures() -> None:
    """Show what the mark does to the network on all test cells, and what an audit's probe says of the set."""
    try:
        figures = shortcut_figures()
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return
    rows = [
        ("Cells named right, the dot where training had it", figures.as_trained),
        (f"{MARKED.capitalize()}s still named so without their dot", figures.kept),
        *((f"{name.capitalize()}s named {MARKED} with a dot on them", won) for name, won in figures.won.items()),
    ]
    lines = [f'<tr><th scope="row">{escape(told)}</th><td>{share(value)}</td></tr>' for told, value in rows]
    st.html(table("What the dot does", ['<th scope="col">measured</th>', '<th scope="col">share</th>'], lines))
    st.html(
        f'<p class="ll-sentence">An audit of these pictures: the colour of the border alone tells {MARKED}s with an '
        f"AUC of <strong>{figures.frame:.3f}</strong> (0.5 is chance).</p>"
    )
    st.caption(f"{figures.images:,} simulated cells that the network was not trained on.")
