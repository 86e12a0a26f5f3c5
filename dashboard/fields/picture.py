"""The photograph with its numbered boxes: a click on a number chooses the cell, and where cells are being added, a
click on a place adds one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.errors import InputError
from core.fields.review import box_around
from dashboard.field_work import FieldMemory, whole_address
from dashboard.fields.tally import NamedCell, file_name
from dashboard.ui.charts import empty_figure, plain_text, show
from dashboard.ui.html import class_colour

ACROSS = 96  # places on the longer side that a click can mean
WIDEST, TALLEST = 620, 640  # px of the figure, about
SELECTED = "#ffffff"


def show_photograph(memory: FieldMemory, key: str, cells: Sequence[NamedCell], adding: bool) -> None:
    """Show the photograph; a click chooses a cell, or adds one."""
    review = memory.review(key)
    if review is None:
        return

    def click(behind: Any) -> None:
        if not adding:
            memory.chosen[key] = int(behind)
            return
        x, y = (float(value) for value in behind)
        number = review.next_number
        try:
            memory.reviews[key] = review.with_added(box_around(x, y, review))
            memory.chosen[key], memory.stopped = number, False
        except InputError as error:
            memory.fault = str(error)

    height, width = review.size
    figure = photograph_figure(whole_address(key), (height, width), cells, memory.chosen.get(key, 0))
    if adding:
        _lay_grid(figure, height, width)
    told = f"{file_name(key)}: {len(cells)} cells, boxed and numbered from top left"
    state = f"add-{len(review.done)}" if adding else "choose"
    show(figure, f"fields-{key}-{state}", told, on_click=click)


def photograph_figure(address: str, size: tuple[int, int], cells: Sequence[NamedCell], chosen: int) -> go.Figure:
    """The picture of `size` (height, width) px with a box a cell in its class's colour, and its number and class."""
    height, width = size
    figure = empty_figure(min(TALLEST, round(WIDEST * height / width)))
    figure.add_layout_image(
        source=address, x=0, y=0, sizex=width, sizey=height, xref="x", yref="y", layer="below", sizing="stretch"
    )
    for label in sorted({cell.label for cell in cells}):
        members = [cell for cell in cells if cell.label == label]
        _add_boxes(figure, members, "#ffffff", 4.0)
        _add_boxes(figure, members, class_colour(label), 2.0, "solid" if members[0].one.white else "dot")
    _add_boxes(figure, [cell for cell in cells if cell.number == chosen], SELECTED, 5.0)
    _add_boxes(figure, [cell for cell in cells if cell.number == chosen], "#1c1a21", 2.0, "dash")
    middles = [
        ((c.one.cell.box[0] + c.one.cell.box[2]) / 2, (c.one.cell.box[1] + c.one.cell.box[3]) / 2) for c in cells
    ]
    figure.add_scatter(
        x=[x for x, _ in middles],
        y=[y for _, y in middles],
        text=[str(cell.number) for cell in cells],
        customdata=[cell.number for cell in cells],
        hovertext=[plain_text(f"Cell {cell.number}: {cell.label}") for cell in cells],
        mode="markers+text",
        textfont={"size": 13, "color": "#ffffff", "weight": 700, "shadow": "auto"},
        marker={"size": 22, "color": "rgba(28,26,33,0.55)"},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, hoverdistance=30)
    figure.update_xaxes(range=[0, width], visible=False, constrain="domain")
    figure.update_yaxes(range=[height, 0], visible=False, scaleanchor="x", constrain="domain")
    return figure


def _add_boxes(
    figure: go.Figure, cells: Sequence[NamedCell], colour: str, thickness: float, dash: str = "solid"
) -> None:
    """The outlines of boxes as one line with gaps, which is quick to draw where there are hundreds."""
    x: list[float | None] = []
    y: list[float | None] = []
    for cell in cells:
        left, top, right, bottom = cell.one.cell.box
        x += [left, right, right, left, left, None]
        y += [top, top, bottom, bottom, top, None]
    if x:
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": thickness, "dash": dash}, hoverinfo="skip"
        )


def _lay_grid(figure: go.Figure, height: int, width: int) -> None:
    """Places that can be clicked, unseen: Plotly tells of clicks on points alone."""
    step = max(height, width) / ACROSS
    columns, rows = np.arange(step / 2, width, step), np.arange(step / 2, height, step)
    x, y = (axis.ravel().tolist() for axis in np.meshgrid(columns, rows))
    figure.add_scatter(
        x=x, y=y, customdata=[[a, b] for a, b in zip(x, y, strict=True)], mode="markers",
        marker={"size": 12, "opacity": 0}, hovertemplate="Add a cell here<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
