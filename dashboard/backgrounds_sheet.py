"""The pictures that a method compares with, or shows where it hides: under its maps, as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.explanation.backgrounds import BACKGROUNDS, background, contact_sheet
from core.explanation.controls import Control
from core.explanation.methods import METHODS
from dashboard.explained import Row
from dashboard.map_words import plain


def show_backgrounds(rows: Sequence[Row], method: str) -> None:
    """Offer a look at what each setting that names a background or a baseline stands for; nothing where none does."""
    shown = [row for row in rows if method in row.explanations and row.scene is not None]
    for control in METHODS[method].controls:
        if shown and control.kind == "choice" and set(control.choices) <= set(BACKGROUNDS):
            _sheet(shown, method, control)


def _sheet(rows: Sequence[Row], method: str, control: Control) -> None:
    name = str(rows[0].explanations[method].settings[control.name])
    folded = st.expander(
        f"{control.title}: {plain(name)}",
        icon=":material/grid_view:",
        type="compact",
        key=f"sheet-{method}-{control.name}",
        on_change="rerun",
    )
    if not folded.open:
        return
    by_framing = {row.answer.framing: row for row in rows}
    with folded:
        for framing, row in by_framing.items():
            assert row.scene is not None
            pictures = background(row.scene, name, framing)
            sheet = contact_sheet(pictures)
            st.image(sheet, width=min(400, sheet.shape[1]), alt=f"{control.title}: {pictures.sentence}")
            st.caption(f"{pictures.sentence[:1].upper()}{pictures.sentence[1:]}. {control.help}")
