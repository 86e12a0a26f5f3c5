"""One form for all settings: a field that says what it is (`FieldSpec`) becomes the widget that fits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st

from core.settings import FieldSpec, Value, plain_number

Width = int | Literal["stretch"]

Binding = Mapping[str, Any]
"""What ties a widget to where its value is kept: `key` and `on_change`, or `value` or `index`."""

FINE_STEPS = 20  # steps from one end of a number's range to the other, at least
COARSE_FROM, COARSE = 500, 100  # whole numbers that go further than this are changed in such steps


def field_input(
    field: FieldSpec,
    binding: Binding,
    *,
    label: str = "",
    slider: bool = False,
    width: Width = "stretch",
    format_choice: Callable[[str], str] = str,
) -> Any:
    """Draw the widget of a field and return its value: number box or slider, menu, switch, colour or text.

    The value comes and goes as the widget has it, which `to_widget` and `from_widget` turn to a setting's and back.
    """
    title = label or field.title
    if field.kind in ("int", "float"):
        return _number(field, title, binding, slider, width)
    told = _sentence(field.help) or None
    if field.kind == "choice":
        return st.selectbox(title, list(field.choices), format_func=format_choice, help=told, width=width, **binding)
    if field.kind == "switch":
        return st.toggle(title, help=told, **binding)
    if field.kind == "colour":
        return st.color_picker(title, help=told, **binding)
    return st.text_input(title, help=told, width=width, **binding)


def to_widget(field: FieldSpec, value: Any) -> Any:
    """A setting's value as its widget takes it: colours as "#rrggbb", numbers of the field's own type."""
    if field.kind == "colour":
        return "#" + "".join(f"{channel:02x}" for channel in value)
    return float(value) if field.kind == "float" else value


def from_widget(field: FieldSpec, value: Any) -> Value | tuple[int, ...]:
    """A widget's value as the setting takes it."""
    if field.kind == "colour":
        return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
    if field.kind == "int":
        return int(value)
    checked: Value = value
    return checked


def _number(field: FieldSpec, title: str, binding: Binding, slider: bool, width: Width) -> Any:
    kind: Callable[[float], Any] = int if field.kind == "int" else float
    low, high = (None if limit is None else kind(limit) for limit in (field.low, field.high))
    told = _sentence(field.help)
    if low is None or high is None:
        return st.number_input(title, low, high, step=kind(1), help=told or None, width=width, **binding)
    if slider:
        return st.slider(title, low, high, step=_step(field, low, high, fine=True), help=told or None, **binding)
    told = f"{told} From {plain_number(low)} to {plain_number(high)}."
    return st.number_input(title, low, high, step=_step(field, low, high), help=told.strip(), width=width, **binding)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "." if text else ""


def _step(field: FieldSpec, low: float, high: float, fine: bool = False) -> Any:
    if field.kind == "int":
        return COARSE if high > COARSE_FROM and not fine else 1
    if fine:
        return 0.01 if high - low <= 1 else 0.1
    return (high - low) / FINE_STEPS
