"""What is explained and how it is shown: methods, classes, opacity, palettes and scale."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.explanation.methods import METHODS
from core.explanation.render import DIVERGING, PALETTES
from dashboard import address, state

SCALE_TITLES = {"map": "Each map", "classes": "All classes"}
CONTROLS = ("methods", "classes", "opacity", "palette", "diverging", "borders", "scale")


def map_form(known: Sequence[str]) -> None:
    """Show the choices; `known` are the classes of the models at hand. What was wrong in the address is said above."""
    for name in CONTROLS:
        state.say_problem(name)
    st.pills(
        "Methods",
        list(METHODS),
        selection_mode="multi",
        format_func=lambda name: METHODS[name].title,
        help="Each gets a grid of its own. " + "  \n".join(_about(name) for name in METHODS),
        **state.bound("methods", to_widget=list, from_widget=lambda names: tuple(n for n in METHODS if n in names)),
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        _choose_classes(known)
        _scale()
        st.slider(
            "Opacity, %",
            0,
            100,
            step=5,
            width=150,
            help="How strongly a map covers the picture.",
            **state.bound("opacity"),
        )


def chosen_classes(known: Sequence[str]) -> tuple[str, ...]:
    """Return the classes to show, of those known."""
    chosen = state.get("classes")
    return tuple(known) if chosen == address.ALL else tuple(name for name in known if name in chosen)


def _choose_classes(known: Sequence[str]) -> None:
    def to_choice(picked: list[str]) -> tuple[str, ...]:
        return address.ALL if set(picked) == set(known) else tuple(picked)

    st.pills(
        "Classes",
        list(known),
        selection_mode="multi",
        wrap=True,
        help="The maps of all classes are computed in any case: one more to look at costs nothing.",
        **state.bound("classes", to_widget=lambda _: list(chosen_classes(known)), from_widget=to_choice),
    )
    chosen = state.get("classes")
    strange = [name for name in chosen if name not in known] if chosen != address.ALL else []
    if strange and known:
        listed = ", ".join(f"“{address.shown(name)}”" for name in strange)
        st.warning(f"No model here has the class {listed}: it is left out.", icon=":material/link_off:")


def _scale() -> None:
    st.segmented_control(
        "Scale to the maximum of",
        list(address.SCALES),
        format_func=SCALE_TITLES.__getitem__,
        required=True,
        help="Each map: every map uses the whole palette, so that weak evidence looks like strong evidence. "
        "All classes: one scale for a model's classes, so that they can be compared. Values of different models "
        "or methods are never comparable.",
        **state.bound("scale"),
    )


def palette_form(methods: Sequence[str]) -> None:
    """Show the palettes that the maps of `methods` take."""
    chosen = [METHODS[name] for name in methods]
    if any(not method.signed for method in chosen):
        st.selectbox(
            "Palette",
            PALETTES,
            format_func=str.capitalize,
            width=140,
            help="For maps of what speaks for a class. All rise evenly in lightness and read the same to colour-blind "
            "people.",
            **state.bound("palette"),
        )
    if any(method.signed for method in chosen):
        st.selectbox(
            "Signed palette",
            DIVERGING,
            format_func=lambda name: name.replace("-", ", ").capitalize(),
            width=160,
            help="For maps of what speaks for and against a class: neutral at 0, the second colour for, the first "
            "against. Colour-blind people can tell them apart.",
            **state.bound("diverging"),
        )


def _about(name: str) -> str:
    kind = METHODS[name]
    return f"**{kind.title}**: {kind.help} ({kind.paper})."
