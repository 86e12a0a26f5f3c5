"""A form for the cell pipeline's parameters, built from what the parameters say of themselves; saving them to a file
and loading them back."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.errors import InputError
from core.preprocessing.parameters import PRESETS, CellParameters
from core.settings import FieldSpec, fields_of
from dashboard import state
from dashboard.answers import parameters_for
from dashboard.images import Subject
from dashboard.ui.form import field_input, from_widget, to_widget
from dashboard.url import AUTOMATIC, parameters_of_mode, rightly_named

MANUAL = "manual"

BOUNDS = ("lower", "upper")

GROUPS = {
    "Padding and output": ("padding", "padding_colour", "output_size"),
    "Erosion and dilation": ("erode_size", "erode_iterations", "dilate_size", "dilate_iterations", "join_distance"),
}

LAST_GROUP = "What counts as a cell"

FIELDS = fields_of(CellParameters)

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
                _parameter(FIELDS[name], current)


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


def _parameter(field: FieldSpec, current: Current) -> None:
    binding = state.bound(
        "cell",
        key=f"cell-{field.name}",
        to_widget=lambda _: to_widget(field, getattr(current(), field.name)),
        from_widget=lambda value: current().revised(**{field.name: from_widget(field, value)}),
    )
    field_input(field, binding, slider=True)


def _groups() -> dict[str, list[str]]:
    """Sort the fields into groups; one that no group names goes to the last."""
    placed = {name for names in GROUPS.values() for name in names}
    rest = [name for name in FIELDS if name not in {*placed, *BOUNDS, "mode"}]
    return {**{title: list(names) for title, names in GROUPS.items()}, LAST_GROUP: rest}


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
