"""A picture that shows several cells, whole: each cell boxed and numbered, the chosen one set off, and the choice made
by a click or by the number's key. It holds on every page and stands in the address."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from dashboard import state
from dashboard.images import Field, Subject
from dashboard.ui.charts import ACCENT, empty_figure, show
from dashboard.ui.html import fitted
from dashboard.url import CENTRAL, LARGEST

SIDE = 900  # px of the longer side at which the whole picture travels
QUIET_BOX = "#1c1a21"
TITLES = {CENTRAL: "Most central", LARGEST: "Largest"}


def show_field(subject: Subject, field: Field) -> None:
    """Show the whole picture and the ways to choose a cell of it."""
    figure = field_figure(field)
    told = f"The whole picture of {subject.title}: {len(field.cells)} cells found, numbered from left to right"
    show(figure, f"field-{subject.key}", told, on_click=_pick)
    with st.container(horizontal=True, gap="xsmall", key="cells"):
        for number in range(1, len(field.cells) + 1):
            st.button(
                str(number),
                key=f"cell-{number}",
                type="primary" if number == field.chosen + 1 else "secondary",
                shortcut=str(number),
                on_click=state.put,
                args=("pick", str(number)),
            )
        for name, title in TITLES.items():
            st.button(title, key=f"cell-{name}", type="tertiary", on_click=state.put, args=("pick", name))


def _pick(number: Any) -> None:
    state.put("pick", str(int(number)))


def field_figure(field: Field) -> go.Figure:
    """The picture with a box and a number a cell, in px of the picture; a click on a number hands it on."""
    height, width = field.rgb.shape[:2]
    figure = empty_figure(round(190 * height / width))
    small = fitted(field.rgb, SIDE)
    figure.add_layout_image(
        source=Image.fromarray(small), x=0, y=0, sizex=width, sizey=height, xref="x", yref="y", layer="below"
    )
    for number, cell in enumerate(field.cells):
        x, y, across, down = cell.box
        chosen = number == field.chosen
        for colour, thickness in (
            ("#ffffff", 5 if chosen else 3),
            (ACCENT if chosen else QUIET_BOX, 3 if chosen else 1),
        ):
            figure.add_shape(
                type="rect", x0=x, y0=y, x1=x + across, y1=y + down, line={"color": colour, "width": thickness}
            )
    figure.add_scatter(
        x=[cell.centre[0] for cell in field.cells],
        y=[cell.centre[1] for cell in field.cells],
        text=[str(number) for number in range(1, len(field.cells) + 1)],
        customdata=list(range(1, len(field.cells) + 1)),
        mode="markers+text",
        textfont={"size": 15, "color": "#ffffff", "weight": 700, "shadow": "auto"},
        marker={"size": 26, "color": "rgba(28,26,33,0.55)"},
        hovertemplate="Cell %{text}<extra></extra>",
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
    figure.update_xaxes(range=[0, width], visible=False, fixedrange=True, constrain="domain")
    figure.update_yaxes(range=[height, 0], visible=False, fixedrange=True, scaleanchor="x", constrain="domain")
    return figure
