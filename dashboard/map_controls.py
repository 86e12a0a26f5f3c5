"""How maps are shown: method, opacity, palette and scale."""

from __future__ import annotations

import streamlit as st

from core.explanation.methods import METHODS
from core.explanation.render import PALETTES
from dashboard import state
from dashboard.address import SCALES
from dashboard.maps import Look

SCALE_TITLES = {"map": "Each map", "classes": "All classes"}


def map_form() -> None:
    """Show the controls in a row; what was invalid in the address is said above them."""
    for name in ("method", "opacity", "palette", "scale"):
        state.say_problem(name)
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        st.segmented_control(
            "Method",
            list(METHODS),
            format_func=lambda name: METHODS[name].title,
            required=True,
            help=" ".join(f"{kind.title}: {kind.help} ({kind.paper})." for kind in METHODS.values()),
            **state.bound("method"),
        )
        st.segmented_control(
            "Scale to the maximum of",
            list(SCALES),
            format_func=SCALE_TITLES.__getitem__,
            required=True,
            help="Each map: every map uses the whole palette, so that weak evidence looks like strong evidence. "
            "All classes: one scale for a model's classes, so that they can be compared. Values of different models "
            "or methods are never comparable.",
            **state.bound("scale"),
        )
        st.selectbox(
            "Palette",
            PALETTES,
            format_func=str.capitalize,
            width=130,
            help="All rise evenly in lightness and read the same to colour-blind people.",
            **state.bound("palette"),
        )
        st.slider(
            "Opacity, %",
            0,
            100,
            step=5,
            width=170,
            help="How strongly the map covers the picture.",
            **state.bound("opacity"),
        )


def look() -> Look:
    """Return the choices of how maps are shown."""
    return Look(state.get("method"), state.get("palette"), state.get("opacity") / 100, state.get("scale") == "classes")
