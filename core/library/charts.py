"""Plotly figures of the library's results, and what a notebook shows of them by itself. Plotly is imported when the
first figure is drawn, so that nobody else waits for it."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.explanation.engine import Explanation, has_evidence
from core.explanation.evidence import picture_png
from core.explanation.render import shared_scale

if TYPE_CHECKING:
    import plotly.graph_objects as go

BAR, QUIET = "#8e63c9", "#85818e"  # at least 3:1 against a light and a dark ground
SIDE, TOP = 260, 110  # px of a picture, and of the titles above it
LETTERS = 100  # a line of a title
DIVERGING, SEQUENTIAL = "RdBu_r", "Cividis"  # colour-blind people can read both


def probability_chart(title: str, classes: Sequence[str], probabilities: NDArray[np.float32]) -> go.Figure:
    """Bars of `probabilities` `(K,)`, 0 to 1, in percent, the largest on top and in colour."""
    import plotly.graph_objects as go

    order = np.argsort(probabilities, kind="stable")  # Plotly draws from below
    percents = [100 * float(probabilities[place]) for place in order]
    bars = go.Bar(
        x=percents,
        y=[classes[place] for place in order],
        orientation="h",
        marker_color=[QUIET] * (len(order) - 1) + [BAR],
        text=[f"{percent:.1f} %" for percent in percents],
        hovertemplate="%{y}: %{x:.2f} %<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_xaxes(title="probability, %", range=[0, 100])
    return figure.update_layout(**_layout(title), height=TOP + 60 + 40 * len(order))


def map_chart(title: str, explanation: Explanation, classes: Sequence[str], opacity: float) -> go.Figure:
    """The picture that the model saw, then the map of each of `classes` over it, all on one scale with its bar.

    A map that is 0 everywhere leaves the picture as it is.
    """
    import plotly.graph_objects as go

    drawn = [name for name in classes if has_evidence(explanation.map_of(name))]
    titles = ["seen by the model", *(name if name in drawn else f"{name}: no evidence" for name in classes)]
    figure = _row(titles, [explanation.view] * len(titles))
    top = shared_scale(explanation)
    for name in drawn:
        map_ = go.Heatmap(
            z=explanation.map_of(name),
            zmin=-top if explanation.signed else 0,
            zmax=top,
            colorscale=DIVERGING if explanation.signed else SEQUENTIAL,
            opacity=opacity,
            showscale=name == drawn[0],
            colorbar={"title": explanation.explains},
            hovertemplate="x %{x}, y %{y}: %{z:.4g}<extra></extra>",
        )
        figure.add_trace(map_, row=1, col=2 + list(classes).index(name))
    return figure.update_layout(**_layout(title))


def stage_chart(title: str, stages: Mapping[str, NDArray[np.uint8]]) -> go.Figure:
    """Pictures of one size `(S, S, 3) uint8` side by side, each under its name."""
    return _row(list(stages), list(stages.values())).update_layout(**_layout(title))


def shown_beside(text: str, rgb: NDArray[np.uint8]) -> str:
    """HTML of a sentence with the picture `(h, w, 3) uint8` below it, so that a notebook never shows one alone."""
    return f'<div>{escape(text)}</div><img src="{_address(rgb)}" alt="" style="max-width: 100%">'


def _row(titles: Sequence[str], pictures: Sequence[NDArray[np.uint8]]) -> go.Figure:
    """Pictures in a row, without axes, their pixels square."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(1, len(pictures), subplot_titles=list(titles), horizontal_spacing=0.01)
    for column, rgb in enumerate(pictures, start=1):
        figure.add_trace(go.Image(source=_address(rgb), hoverinfo="skip"), row=1, col=column)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    for column in range(1, len(pictures) + 1):
        figure.update_yaxes(scaleanchor=f"x{column}" if column > 1 else "x", constrain="domain", row=1, col=column)
    return figure.update_layout(height=SIDE + TOP, width=SIDE * len(pictures))


def _address(rgb: NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture_png(rgb)).decode()}"


def _layout(title: str) -> dict[str, Any]:
    lines = "<br>".join(textwrap.wrap(escape(title, quote=False), LETTERS))
    place = {"x": 0.01, "y": 0.98, "xanchor": "left", "yanchor": "top"}
    return {"title": {"text": lines, "font": {"size": 14}, **place}, "margin": {"l": 10, "r": 10, "t": TOP, "b": 10}}
