"""The controls of a drawn cell, made from what the design's fields say of themselves."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.classes import CLASSES
from core.settings import FieldSpec, fields_of
from core.simulation import CellDesign, design_of
from core.simulation.design import AS_DRAWN, WITHOUT
from dashboard import state
from dashboard.ui.form import field_input, from_widget, to_widget
from dashboard.url import HIGHEST_SEED

FIELDS = fields_of(CellDesign)
GROUPS = {
    "Nucleus": ("nucleus", "lobes", "filling", "nucleus_size", "chromatin", "clumps"),
    "Cytoplasm and granules": (
        "granules",
        "granule_size",
        "granule_colour",
        "cytoplasm",
        "cytoplasm_density",
        "tint",
    ),
    "Mixture of two classes": ("other", "share"),
    "Size, stain and red cells": ("cell_size", "stain", "stain_strength", "background", "red_cells"),
    "Focus and light": ("blur", "light"),
}


def design_form() -> None:
    """Class, number of the drawing, the way back, and a control for each part; moving one draws the cell anew."""
    st.selectbox(
        "Class", list(CLASSES), **state.bound(
            "drawn", key="drawn-label", to_widget=lambda design: design.label,
            from_widget=lambda label: state.get("drawn").revised(label=label),
        ),
    )  # fmt: skip
    state.say_problem("drawn")
    st.number_input(
        "Number of the drawing", 0, HIGHEST_SEED, step=1,
        help="Another number is another cell of the same make: place, outline, red cells, grain.",
        **state.bound("drawing", to_widget=int, from_widget=int),
    )  # fmt: skip
    state.say_problem("drawing")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "As drawn", icon=":material/restart_alt:", key="drawn-reset", on_click=_reset,
            disabled=state.get("drawn").as_drawn, help="Every part as class and number draw it.",
        )  # fmt: skip
        st.button("Another cell", icon=":material/casino:", key="drawn-next", on_click=_next)
    for number, (title, names) in enumerate(GROUPS.items()):
        changed = sum(name in state.get("drawn").changed for name in names)
        told = f"{title} ({changed} changed)" if changed else title
        with st.expander(told, expanded=number < 2, key=f"drawn-group-{number}"):
            for name in names:
                _part(FIELDS[name])


def choice_title(name: str) -> str:
    """What a choice of a design is called in a menu."""
    return {AS_DRAWN: "as drawn", WITHOUT: "none"}.get(name, name)


def _part(field: FieldSpec) -> None:
    def changed(value: Any) -> CellDesign:
        design: CellDesign = state.get("drawn")
        return design.revised(**{field.name: from_widget(field, value)})

    binding = state.bound(
        "drawn",
        key=f"drawn-{field.name}",
        to_widget=lambda design: to_widget(field, getattr(design, field.name)),
        from_widget=changed,
    )
    field_input(field, binding, slider=True, format_choice=choice_title)


def _reset() -> None:
    state.put("drawn", design_of(state.get("drawn").label))


def _next() -> None:
    state.put("drawing", (state.get("drawing") + 1) % (HIGHEST_SEED + 1))
