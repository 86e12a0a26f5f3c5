"""The one form of all settings: each field gets the widget that fits it, and the value comes back as it went in."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.explanation.methods.registry import METHODS
from core.preprocessing.parameters import CellParameters
from core.settings import FieldSpec, fields_of
from core.training.recipe import Recipe, StageRecipe
from dashboard.ui.form import from_widget, to_widget

MODELS = {"cell": CellParameters, "recipe": Recipe, "lime": METHODS["lime"].settings, "rise": METHODS["rise"].settings}
WIDGETS = {"choice": "selectbox", "switch": "toggle", "colour": "color_picker", "text": "text_input"}


def script(module: str, name: str, slider: bool) -> None:
    import importlib

    import streamlit as st

    from core.settings import fields_of
    from dashboard.ui.form import field_input, to_widget

    for field in fields_of(getattr(importlib.import_module(module), name)).values():
        if field.default is not None and repr(field.default) != "PydanticUndefined":
            st.session_state.setdefault(field.name, to_widget(field, field.default))
            st.session_state[f"got-{field.name}"] = field_input(field, {"key": field.name}, slider=slider)


def settable(name: str) -> list[FieldSpec]:
    fields = fields_of(MODELS[name]).values()
    return [field for field in fields if field.default is not None and repr(field.default) != "PydanticUndefined"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("slider", [False, True])
def test_every_field_is_drawn_with_its_limits_and_gives_its_default_back(name: str, slider: bool) -> None:
    app = AppTest.from_function(script, args=(MODELS[name].__module__, MODELS[name].__name__, slider)).run()
    assert not app.exception and settable(name)
    for field in settable(name):
        number = "slider" if slider and field.high is not None else "number_input"
        widget: Any = getattr(app, WIDGETS.get(field.kind, number))(key=field.name)
        assert widget.label == field.title
        if field.kind in ("int", "float"):
            assert (widget.min, widget.max) == (field.low, field.high)
        if field.kind == "choice":
            assert tuple(widget.options) == field.choices
        assert from_widget(field, app.session_state[f"got-{field.name}"]) == field.default


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 128, 7), (1, 2, 255)])
def test_a_colour_goes_to_hexadecimal_and_back(colour: tuple[int, int, int]) -> None:
    field = fields_of(CellParameters)["padding_colour"]
    shown = to_widget(field, colour)
    assert shown[0] == "#" and bytes.fromhex(shown[1:]) == bytes(colour) and from_widget(field, shown) == colour


def test_a_number_keeps_its_sort() -> None:
    size = fields_of(StageRecipe)["size"]
    keep = fields_of(METHODS["rise"].settings)["keep"]
    assert isinstance(from_widget(size, 64.0), int) and isinstance(to_widget(keep, 1), float)
