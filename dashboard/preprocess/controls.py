"""A form for the cell pipeline's parameters, built from what the parameters say of themselves; saving them to a file
and loading them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from core.errors import InputError
from core.preprocessing.parameters import PRESETS, CellParameters, Colour
from dashboard import state
from dashboard.answers import parameters_for
from dashboard.images import Subject
from dashboard.url import AUTOMATIC, parameters_of_mode, rightly_named

MANUAL = "manual"

BOUNDS = ("lower", "upper")

GROUPS = {
    "Padding and output": ("padding", "padding_colour", "output_size"),
    "Erosion and dilation": ("erode_size", "erode_iterations", "dilate_size", "dilate_iterations", "join_distance"),
}

LAST_GROUP = "What counts as a cell"

Current = Callable[[], CellParameters]


def parameter_form(subject: Subject) -> None:
    """Show where the parameters come from, then a control for each; moving one makes the mode manual."""

    def current() -> CellParameters:
        return parameters_for(subject, state.get("cell"))

    _choose_mode(current)
    state.say_problem("cell")
    for index, channel in enumerate(("Red", "Green", "Blue")):
        _channel(index, channel, current)
    with st.expander("More parameters"):
        for title, names in _groups().items():
            st.markdown(f"**{title}**")
            for name in names:
                _control(name, CellParameters.model_fields[name], current)


def mode_title(mode: str) -> str:
    """Return how a mode is called in the menu."""
    if mode in PRESETS:
        return PRESETS[mode].title
    return "Automatic, for this image" if mode == AUTOMATIC else "Manual"


def _choose_mode(current: Current) -> None:
    modes = [*PRESETS, AUTOMATIC, MANUAL]
    st.selectbox(
        "Stain",
        modes,
        format_func=mode_title,
        help="Colours differ between stains and cameras, so each has bounds of its own. Moving a control starts from "
        "what is chosen here and makes it manual.",
        **state.bound(
            "cell",
            key="cell-mode",
            to_widget=lambda cell: cell.mode if cell.mode in modes else MANUAL,
            from_widget=lambda mode: parameters_of_mode(mode) or current().revised(),
        ),
    )
    mode = state.get("cell").mode
    if mode in PRESETS:
        st.caption(PRESETS[mode].description)


def _channel(index: int, channel: str, current: Current) -> None:
    def changed(bounds: tuple[int, int]) -> CellParameters:
        now = current()
        lower, upper = (
            (*old[:index], value, *old[index + 1 :]) for value, old in zip(bounds, (now.lower, now.upper), strict=True)
        )
        return now.revised(lower=lower, upper=upper)

    st.slider(
        channel,
        0,
        255,
        help=f"A pixel counts as stained where its {channel.lower()} lies between the two, as do its other channels.",
        **state.bound(
            "cell",
            key=f"cell-{channel.lower()}",
            to_widget=lambda _: (current().lower[index], current().upper[index]),
            from_widget=changed,
        ),
    )


def _control(name: str, field: FieldInfo, current: Current) -> None:
    """Show the control that fits a field's type: colour, menu, switch, or slider between its limits."""
    label, about = field.title or name.replace("_", " ").capitalize(), field.description
    to_widget: Callable[[Any], Any] = _plain
    from_widget: Callable[[Any], Any] = _plain
    if field.annotation == Colour:
        draw: Callable[..., Any] = st.color_picker
        to_widget, from_widget, options = _hex, _rgb, {}
    elif get_origin(field.annotation) is Literal:
        draw, options = st.selectbox, {"options": list(get_args(field.annotation))}
    elif field.annotation is bool:
        draw, options = st.toggle, {}
    else:
        draw, options = st.slider, _limits(field)
    binding = state.bound(
        "cell",
        key=f"cell-{name}",
        to_widget=lambda _: to_widget(getattr(current(), name)),
        from_widget=lambda value: current().revised(**{name: from_widget(value)}),
    )
    draw(label, help=about, **options, **binding)


def _groups() -> dict[str, list[str]]:
    """Sort the fields into groups; one that no group names goes to the last."""
    placed = {name for names in GROUPS.values() for name in names}
    rest = [name for name in CellParameters.model_fields if name not in {*placed, *BOUNDS, "mode"}]
    known = {title: [name for name in names if name in CellParameters.model_fields] for title, names in GROUPS.items()}
    return {title: names for title, names in {**known, LAST_GROUP: rest}.items() if names}


def _limits(field: FieldInfo) -> dict[str, Any]:
    lowest = next(item.ge for item in field.metadata if hasattr(item, "ge"))
    highest = next(item.le for item in field.metadata if hasattr(item, "le"))
    if field.annotation is int:
        return {"min_value": int(lowest), "max_value": int(highest), "step": 1}
    step = 0.01 if highest - lowest <= 1 else 0.1
    return {"min_value": float(lowest), "max_value": float(highest), "step": step}


def _plain(value: Any) -> Any:
    return value


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


KEY, FAULT = "parameter-file", "parameter-file-fault"

LARGEST_MB = 1


def save_and_load(parameters: CellParameters) -> None:
    """Show a button that saves `parameters` as JSON and a place to load such a file.

    Bounds that were suggested for one image are saved as manual: the file means the same for every image.
    """
    fixed = parameters.revised() if parameters.mode == AUTOMATIC else parameters
    with st.expander("Save or load these parameters"):
        st.download_button(
            "Save as JSON",
            fixed.to_json(),
            "leukolens-parameters.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.file_uploader("Load a saved file", max_upload_size=LARGEST_MB, key=KEY, on_change=_load)
        if st.session_state.get(FAULT):
            st.error(st.session_state[FAULT], icon=":material/block:")


def _load() -> None:
    file = st.session_state[KEY]
    st.session_state[FAULT] = ""
    if file is None:
        return
    try:
        state.put("cell", rightly_named(CellParameters.from_json(file.getvalue())))
    except InputError as error:
        st.session_state[FAULT] = str(error)
