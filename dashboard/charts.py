"""Class probabilities as a table whose cells are bars: one scale from 0 to 100 %, one colour a class."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard.palette import class_colour
from dashboard.words import percent

_WRONG = '<span class="ll-wrong">wrong</span>'


def probability_bars(classes: Sequence[str], probabilities: Sequence[float], model: str) -> str:
    """Return HTML: a row a class with its name, a bar of the probability's length, and the figure."""
    rows = "".join(_row(name, float(share)) for name, share in zip(classes, probabilities, strict=True))
    return f'<table class="ll-bars" aria-label="Class probabilities by {escape(model)}"><tbody>{rows}</tbody></table>'


def verdict(name: str, share: float, truth: str | None = None) -> str:
    """Return HTML: the predicted class beside a mark of its colour, its probability, and whether it is the truth."""
    told = "" if truth is None else '<span class="ll-right">right</span>' if name == truth else _WRONG
    return (
        f'<p class="ll-verdict"><span class="ll-mark" style="background:{class_colour(name)}"></span>'
        f"<strong>{escape(name)}</strong> <span>{percent(share)}</span>{told}</p>"
    )


def facts(entries: Sequence[tuple[str, str, str]]) -> str:
    """Return HTML: a list of (term, what it means, value)."""
    rows = "".join(
        f'<div><dt title="{escape(meaning)}">{escape(term)}</dt><dd>{escape(value)}</dd></div>'
        for term, meaning, value in entries
    )
    return f'<dl class="ll-facts">{rows}</dl>'


def _row(name: str, share: float) -> str:
    return (
        f'<tr><th scope="row">{escape(name)}</th><td class="ll-bar"><span><span style="width:{100 * share:.2f}%;'
        f'background:{class_colour(name)}"></span></span></td><td class="ll-number">{percent(share)}</td></tr>'
    )
