"""A form for the chosen methods' settings, built from the controls that each method declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from core.explanation.controls import Control, Value
from core.explanation.method import Method
from core.explanation.methods import METHODS
from dashboard import state
from dashboard.address import HIGHEST_SEED, PRECISIONS
from dashboard.map_controls import palette_form
from dashboard.map_words import plain
from dashboard.method_settings import NO_SETTINGS, layer_name, setting, with_setting
from dashboard.slots import Slot

PRECISION_TITLES = {"auto": "Fastest faithful", "float32": "float32"}


def setting_form(methods: Sequence[str], slots: Sequence[Slot]) -> Any:
    """Show every setting of `methods` for the models in `slots`, and the seed and the precision, folded away.

    Returns the expander, for what else belongs into it.
    """
    for name in ("set", "seed", "precision"):
        state.say_problem(name)
    changed = state.get("set") != NO_SETTINGS or state.get("seed") or state.get("precision") != PRECISIONS[0]
    label = "Settings (changed)" if changed else "Settings"
    folded = st.expander(label, icon=":material/tune:", key="settings")
    with folded:
        for name in methods:
            if METHODS[name].controls:
                _method_form(METHODS[name], slots)
        st.html('<p class="ll-title">All methods</p>')
        with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
            _seed()
            _precision()
            palette_form(methods)
        if changed:
            st.button("Back to the defaults", on_click=_reset, icon=":material/restart_alt:", type="tertiary")
    return folded


def _method_form(method: Method, slots: Sequence[Slot]) -> None:
    st.html(f'<p class="ll-title">{method.title}</p>')
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        for control in method.controls:
            if control.kind == "layer":
                for slot in slots:
                    _layer(method, control, slot)
            else:
                DRAWN[control.kind](method, control)


def _number(method: Method, control: Control) -> None:
    kind = int if control.kind == "int" else float
    low, high = kind(control.low), kind(control.high)
    st.number_input(
        control.title,
        low,
        high,
        step=_step(control),
        width=140,
        help=f"{control.help} From {control.low:g} to {control.high:g}.",
        **_bound(method, control, control.name, kind),
    )


def _choice(method: Method, control: Control) -> None:
    st.selectbox(
        control.title,
        control.choices,
        format_func=lambda name: plain(name).capitalize(),
        width=160,
        help=control.help,
        **_bound(method, control, control.name, str),
    )


def _layer(method: Method, control: Control, slot: Slot) -> None:
    if slot.classifier is None:
        return
    network = slot.classifier.network
    last = f"Last convolution ({network.cut})"
    st.selectbox(
        f"{control.title}, {slot.title}",
        ["", *(name for name in network.cuts if name != network.cut)],
        format_func=lambda name: name or last,
        width=200,
        help=control.help,
        **_bound(method, control, layer_name(control, slot.name), str, slot.name),
    )


DRAWN: Mapping[str, Callable[[Method, Control], None]] = {"int": _number, "float": _number, "choice": _choice}


def _bound(
    method: Method, control: Control, name: str, kind: Callable[[Any], Value], model: str = ""
) -> dict[str, Any]:
    return state.bound(
        "set",
        key=f"set-{method.name}-{name}",
        to_widget=lambda settings: kind(setting(settings, method, control, model)),
        from_widget=lambda value: with_setting(state.get("set"), method, name, value),
    )


def _step(control: Control) -> int | float:
    if control.kind == "float":
        return (control.high - control.low) / 20
    return 1 if control.high <= 500 else 100


def _seed() -> None:
    st.number_input(
        "Seed",
        0,
        HIGHEST_SEED,
        step=1,
        width=140,
        help="Where a method draws at random, the same seed gives the same map. How much a map changes with another "
        "seed tells how settled it is.",
        **state.bound("seed"),
    )


def _precision() -> None:
    st.segmented_control(
        "Precision",
        list(PRECISIONS),
        format_func=PRECISION_TITLES.__getitem__,
        required=True,
        help="Fastest faithful: bfloat16 where this processor has it and the model's maps were shown to keep a rank "
        "correlation of 0.99 with float32's; float32 elsewhere.",
        **state.bound("precision"),
    )


def _reset() -> None:
    for name in ("set", "seed", "precision"):
        state.reset(name)
