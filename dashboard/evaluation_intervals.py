"""The chart of a figure by class: a point and its interval for each class and model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.figures import Figures
from dashboard.evaluation_charts import QUIET, colours
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import TERMS, decimal, interval
from dashboard.evaluation_words import share as written

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")
LEGEND = {
    "title": None,
    "orient": "top",
    "columns": 2,
    "labelLimit": 160,
    "symbolFillColor": QUIET,
    "symbolStrokeColor": QUIET,
}


def interval_chart(models: Sequence[Evaluated], kind: str) -> None:
    """A point and its interval for each class and model; shapes tell models apart, colours classes."""
    rows = [row for model in models if model.figures for row in _intervals(model.title, model.figures, kind)]
    if not rows:
        return
    titles = list(dict.fromkeys(row["model"] for row in rows))
    classes = list(dict.fromkeys(row["class"] for row in rows))
    x = {"type": "quantitative", "title": f"{TERMS[kind][0]}, %" if kind != "auc" else "AUC", "scale": {"zero": False}}
    y = {
        "y": {"field": "class", "type": "nominal", "sort": classes, "title": None},
        "yOffset": {"field": "model", "type": "nominal", "sort": titles},
        "color": {"field": "class", "type": "nominal", "scale": colours(classes), "legend": None},
    }
    tips = [{"field": name, "type": "nominal"} for name in ("model", "class", "n", "value", "interval")]
    shape = {
        "field": "model",
        "type": "nominal",
        "sort": titles,
        "scale": {"domain": titles, "range": [SHAPES[n % len(SHAPES)] for n in range(len(titles))]},
        "legend": LEGEND if len(titles) > 1 else None,
    }
    spec = {
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {**y, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {**y, "x": {**x, "field": "place"}, "shape": shape, "tooltip": tips},
            },
        ]
    }
    height = 70 + len(classes) * (18 * len(titles) + 12)
    alt = f"{TERMS[kind][0]} of each class with its 95 % interval; the table below holds the same figures"
    st.vega_lite_chart(pd.DataFrame(rows), spec, height=height, alt=alt)


def _intervals(told: str, figures: Figures, kind: str) -> list[dict[str, Any]]:
    rows = []
    for rates, curve in zip(figures.per_class, figures.roc, strict=True):
        estimate = curve.auc if kind == "auc" else getattr(rates, kind)
        if estimate.value is None or estimate.low is None or estimate.high is None:
            continue
        scale = 1 if kind == "auc" else 100
        rows.append(
            {
                "model": told,
                "class": rates.name,
                "n": f"{rates.images:,}",
                "place": scale * estimate.value,
                "low": scale * estimate.low,
                "high": scale * estimate.high,
                "value": decimal(estimate.value, 4) if kind == "auc" else written(estimate.value),
                "interval": interval(estimate, kind),
            }
        )
    return rows
