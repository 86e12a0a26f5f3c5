"""What the charts of an evaluation share: colours, axes in per cent, and keys of lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from dashboard.ui.html import class_colour

ACCENT, QUIET = "#8e63c9", "#85818e"  # at least 3:1 against the light and the dark ground

PLAIN = {"titleFontWeight": "normal"}

SIDE = 250


def colours(classes: Sequence[str]) -> dict[str, Any]:
    """A scale that gives each class its colour."""
    return {"domain": list(classes), "range": [class_colour(name) for name in classes]}


def axis(field: str, title: str, domain: list[int]) -> dict[str, Any]:
    """An axis of per cent over `domain`."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": domain, "nice": False},
        "axis": {
            **PLAIN,
            **({"tickCount": 5} if domain[1] - domain[0] < 100 else {"values": [0, 20, 40, 60, 80, 100]}),
        },
    }


def key(lines: Sequence[tuple[str, str, Sequence[int]]]) -> str:
    """HTML: which line is which, by name, colour and dashes."""
    marks = "".join(
        f'<span class="ll-line"><span style="{_stroke(colour, dash)}"></span>{escape(name)}</span>'
        for name, colour, dash in lines
    )
    return f'<p class="ll-legend">{marks}</p>'


def _stroke(colour: str, dash: Sequence[int]) -> str:
    """A line of a chart as a style: its dashes drawn as a repeating gradient."""
    stops, place = [], 0
    for number, length in enumerate(dash):
        stops.append(f"{'transparent' if number % 2 else colour} {place}px {place + length}px")
        place += length
    return f"height:3px;background:repeating-linear-gradient(90deg,{','.join(stops)})"
