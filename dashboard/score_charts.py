"""Curves of a class's probability while pixels are hidden or uncovered, a map's beside those of the controls."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from core.explanation.worth.worth import Curve

KINDS = {
    "deletion": "Deletion: hidden, most relevant first",
    "insertion": "Insertion: uncovered, most relevant first",
    "road-most": "ROAD: painted over, most relevant first",
    "road-least": "ROAD: painted over, least relevant first",
}
MAP_COLOUR, CONTROL_COLOUR = "#8e63c9", "#85818e"  # at least 3:1 against the light and the dark ground
LINES = {
    "map": ("This map", []),
    "random": ("Random", [1, 3]),
    "edges": ("Edges", [6, 3]),
    "centre": ("Centre", [9, 3, 2, 3]),
}
HEIGHT = 190


def show_curves(curves: Sequence[Curve], label: str) -> None:
    """Show a chart a kind of curve, all to the same scale, and a line that says which line is which."""
    kinds = [kind for kind in KINDS if any(curve.kind == kind for curve in curves)]
    if not kinds:
        return
    grid = st.grid(len(kinds), min_column_width=205, gap=14, key="score-curves")
    for kind in kinds:
        with grid.cell():
            own = [curve for curve in curves if curve.kind == kind]
            st.html(f'<p class="ll-caption">{KINDS[kind]}</p>')
            st.vega_lite_chart(_table(own), _spec(), height=HEIGHT, alt=_alt(KINDS[kind], own, label))
    st.html(_key(label))


def _table(curves: Sequence[Curve]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"share": 100 * float(share), "probability": 100 * float(value), "of": curve.of}
            for curve in curves
            for share, value in zip(curve.shares, curve.probabilities, strict=True)
        ]
    )


def _spec() -> dict[str, Any]:
    names = list(LINES)
    colours = [MAP_COLOUR if name == "map" else CONTROL_COLOUR for name in names]
    dashes = [LINES[name][1] or [1, 0] for name in names]
    widths = [2.5 if name == "map" else 1.5 for name in names]
    return {
        "mark": {"type": "line", "interpolate": "linear"},
        "encoding": {
            "x": {"field": "share", "type": "quantitative", "title": "% of the pixels", "axis": _axis()},
            "y": {
                "field": "probability",
                "type": "quantitative",
                "title": "probability, %",
                "scale": {"domain": [0, 100]},
                "axis": _axis(),
            },
            "color": {"field": "of", "type": "nominal", "scale": {"domain": names, "range": colours}, "legend": None},
            "strokeDash": {
                "field": "of",
                "type": "nominal",
                "scale": {"domain": names, "range": dashes},
                "legend": None,
            },
            "strokeWidth": {
                "field": "of",
                "type": "nominal",
                "scale": {"domain": names, "range": widths},
                "legend": None,
            },
        },
    }


def _axis() -> dict[str, Any]:
    return {"values": [0, 25, 50, 75, 100], "titleFontWeight": "normal"}


def _alt(title: str, curves: Sequence[Curve], label: str) -> str:
    areas = ", ".join(f"{LINES[curve.of][0].lower()} {curve.area:.2f}" for curve in curves if curve.of in LINES)
    return f"{title}: probability of {label}; area under the curve: {areas}"


def _key(label: str) -> str:
    marks = "".join(
        f'<span class="ll-line"><span style="{_stroke(name, dash)}"></span>{title}</span>'
        for name, (title, dash) in LINES.items()
    )
    return f'<p class="ll-legend">{marks}<span class="ll-quiet">Probability of {escape(label)} by the model.</span></p>'


def _stroke(name: str, dash: Sequence[int]) -> str:
    """A line of the chart as a style: its dashes drawn as a repeating gradient."""
    colour, height = (MAP_COLOUR, 3) if name == "map" else (CONTROL_COLOUR, 2)
    stops, place = [], 0
    for number, length in enumerate(dash or [1]):
        stops.append(f"{'transparent' if number % 2 else colour} {place}px {place + length}px")
        place += length
    return f"height:{height}px;background:repeating-linear-gradient(90deg,{','.join(stops)})"
