"""Every chart's look and manners: one template, lines and bars from plain data, fewer points where nobody sees the
difference, and how a chart is shown and clicked. All charts are Plotly's; colours suit the light and the dark ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from core.evaluation.curves import thinned

ACCENT, QUIET = "#8e63c9", "#85818e"  # at least 3:1 against the light and the dark ground
INKS = {"light": "#4a4752", "dark": "#d3d0d9"}  # of axes and legends
DASHES = ("solid", "6px,2px", "2px,2px", "8px,2px,2px,2px", "4px,4px")
TYPE = 13  # px of every text in a chart
ROW = 20  # px of a row of the legend, and of what stands beside it
PANEL = 150  # px of a heat map's height
FEWEST_PANELS = 4  # that find room side by side: fewer are no wider
FRAME = {"left": 46, "right": 16, "top": 22, "below": 42}  # px around what is drawn

TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [ACCENT, QUIET],
        "font": {"size": TYPE},
        "margin": {"l": FRAME["left"], "r": FRAME["right"], "t": FRAME["top"], "b": FRAME["below"]},
        "xaxis": {"title": {"standoff": 6}, "zeroline": False, "automargin": False, "ticklabeloverflow": "allow"},
        "yaxis": {"title": {"standoff": 4}, "zeroline": False, "automargin": False},
        "hovermode": "closest",
        "dragmode": False,  # a finger that scrolls the page must not zoom; the button beside the chart switches it on
        "legend": {
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "xref": "container",
            "x": 0,
            "tracegroupgap": 0,
            "itemclick": "toggleothers",
            "itemdoubleclick": "toggle",
            "font": {"size": TYPE},
        },
    }
)


@dataclass(frozen=True)
class Line:
    """One line: points `x`, `y`, and `hover`, Plotly's template of what a point says in words.

    `behind` are plain values, one a point, that a click hands on; the point that was clicked is marked.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    hover: str
    colour: str = ACCENT
    dash: str = "solid"
    width: float = 2
    markers: bool = False
    behind: Sequence[Any] = ()


@dataclass(frozen=True)
class Axis:
    """An axis: its title, and where it begins and ends (None: as the data do)."""

    title: str
    span: tuple[float, float] | None = None
    ticks: Sequence[float] = ()

    def layout(self) -> dict[str, Any]:
        """As Plotly has it."""
        found: dict[str, Any] = {"title": {"text": self.title}}
        if self.span is not None:
            found |= {"range": list(self.span)}
        if self.ticks:
            found |= {"tickvals": list(self.ticks)}
        return found


def epoch_axis(last: int, span: tuple[float, float] | None = None) -> Axis:
    """An axis of epochs from 1 to `last`, with at most about eight whole numbers."""
    step = max(1, -(-last // 8))
    return Axis("epoch", span, tuple(range(step if step > 1 else 1, last + 1, step)))


PERCENT_TICKS = (0, 25, 50, 75, 100)


def percent_axis(title: str, low: float = 0, high: float = 100) -> Axis:
    """An axis of per cent from `low` to `high`."""
    return Axis(title, (low, high), PERCENT_TICKS if (low, high) == (0, 100) else ())


def plain_text(text: str) -> str:
    """Foreign text for a chart: Plotly takes some HTML in its texts for markup."""
    return escape(text, quote=False)


def empty_figure(height: int, legend_rows: int = 0) -> go.Figure:
    """A figure of the one look: `height` px without its legend, whose rows come below."""
    rows = ROW * legend_rows
    figure = go.Figure(layout={"template": TEMPLATE, "height": height + rows, "showlegend": legend_rows > 0})
    if rows:
        figure.update_layout(margin={"b": FRAME["below"] + rows})
    return figure


def line_figure(lines: Sequence[Line], x: Axis, y: Axis, height: int, legend_columns: int = 2) -> go.Figure:
    """Lines over two axes, thinned where they have many points; 0 columns are no legend."""
    figure = empty_figure(height, -(-len(lines) // legend_columns) if legend_columns else 0)
    for line in lines:
        kept = thinned(line.x, line.y)
        clickable = bool(line.behind)
        figure.add_scatter(
            name=plain_text(line.name),
            x=[line.x[place] for place in kept],
            y=[line.y[place] for place in kept],
            customdata=[line.behind[place] for place in kept] if clickable else None,
            mode="lines+markers" if line.markers or clickable else "lines",  # Plotly selects markers alone
            marker={"opacity": 0 if clickable else 1, "size": 8 if clickable else 6},
            selected={"marker": {"opacity": 1}} if clickable else None,
            line={"color": line.colour, "dash": line.dash, "width": line.width},
            hovertemplate=f"{line.hover}<extra></extra>",
        )
    figure.update_layout(xaxis=x.layout(), yaxis=y.layout())
    return figure


def bar_figure(
    names: Sequence[str],
    values: Sequence[float | None],
    told: Sequence[str],
    colours: Sequence[str],
    hover: Sequence[str],
    label_width: int = 80,
) -> go.Figure:
    """Level bars from 0 to 1, the first on top: names to the left, `told` to the right, `hover` in words.

    A value of None has no bar. The bars of several figures of one `label_width` px stand in line.
    """
    figure = empty_figure(ROW * len(names) + 8)
    figure.add_bar(
        orientation="h",
        y=list(range(len(names))),
        x=[max(0.0, value) if value is not None else 0.0 for value in values],
        marker={"color": list(colours), "line": {"width": 0}},
        hovertext=list(hover),
        hovertemplate="%{hovertext}<extra></extra>",
    )
    rows = {"tickmode": "array", "tickvals": list(range(len(names))), "fixedrange": True, "showgrid": False}
    most = label_width // 7
    short = [plain_text(name if len(name) <= most else f"{name[: most - 1]}…") for name in names]
    figure.update_layout(
        margin={"l": label_width, "r": 54, "t": 4, "b": 4},
        bargap=0.35,
        xaxis={"range": [0, 1], "visible": False, "fixedrange": True},
        yaxis={**rows, "autorange": "reversed", "ticktext": short},
        yaxis2={
            **rows,
            "overlaying": "y",
            "side": "right",
            "range": [len(names) - 0.5, -0.5],
            "ticktext": list(told),
        },
    )
    # An axis is drawn only where something stands on it: points that nobody sees carry the figures on the right.
    figure.add_scatter(
        x=[0] * len(names), y=list(range(len(names))), yaxis="y2", mode="markers", opacity=0, hoverinfo="skip"
    )
    return figure


def heat_figure(names: Sequence[str], grids: Sequence[Sequence[Sequence[float]]], hover: str) -> go.Figure:
    """Heat maps from 0 side by side, rows from the top, each scaled by its own largest value, its name above it."""
    figure = empty_figure(PANEL + 40)
    gap, at = 0.02, 1 / max(len(grids), FEWEST_PANELS)
    for number, (name, grid) in enumerate(zip(names, grids, strict=True), start=1):
        most = max(map(max, grid)) or 1.0
        figure.add_heatmap(
            z=[[value / most for value in row] for row in grid], zmin=0, zmax=1, colorscale="Magma_r", showscale=False,
            hovertemplate=f"{hover}<extra></extra>", xaxis=f"x{number}", yaxis=f"y{number}",
        )  # fmt: skip
        own = {"visible": False, "fixedrange": True}
        left = (number - 1) * at
        figure.update_layout(
            {
                f"xaxis{number}": {**own, "domain": [left, left + at - gap], "anchor": f"y{number}"},
                f"yaxis{number}": {**own, "autorange": "reversed", "anchor": f"x{number}"},
            }
        )
        figure.add_annotation(x=left, y=1, xref="paper", yref="paper", xanchor="left", yanchor="bottom",
                              text=plain_text(name), showarrow=False)  # fmt: skip
    figure.update_layout(margin={"l": 4, "r": 4, "t": 26, "b": 4})
    return figure


Clicked = Callable[[Any], None]


def show(figure: go.Figure, key: str, alt: str, on_click: Clicked | None = None, type_size: int = TYPE) -> None:
    """Draw a figure under a `key` of its own; `alt` says in words what it shows, for those who do not see it.

    `type_size` px are larger on a projector.

    `on_click` is called with what stands behind a point that is clicked (its `customdata`).
    """

    def take() -> None:
        points = (st.session_state[key].get("selection") or {}).get("points") or []
        if points and points[0].get("customdata") is not None and on_click is not None:
            on_click(points[0]["customdata"])

    ink = INKS["dark" if on_dark_ground() else "light"]
    font = {"color": ink, "size": type_size}  # said outright: the page's theme would make them smaller
    figure.update_xaxes(tickfont=font, title={"font": font})
    figure.update_yaxes(tickfont=font, title={"font": font})
    figure.update_layout(legend={"font": font})
    for note in figure.layout.annotations:
        note.font.color = note.font.color or ink
    selecting: Literal["ignore"] | Callable[[], None] = "ignore" if on_click is None else take
    st.plotly_chart(figure, key=key, alt=alt, config=_config(key), on_select=selecting, selection_mode="points")


def _config(name: str) -> dict[str, Any]:
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"], ["zoom2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
        "toImageButtonOptions": {"format": "png", "filename": f"leukolens-{name}", "scale": 3},
        "locale": "en",
    }


def on_dark_ground() -> bool:
    """Whether the page is shown on the dark ground."""
    return getattr(st.context.theme, "type", None) == "dark"
