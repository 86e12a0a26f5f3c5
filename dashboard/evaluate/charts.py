"""Charts of an evaluation: ROC curves, calibration, a training's history and intervals by class, and the grid that
shows models side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from core.evaluation.history import History
from core.evaluation.intervals import Roc
from core.evaluation.metrics import Figures
from dashboard.evaluate.models import Evaluated
from dashboard.evaluate.tables import TERMS
from dashboard.ui.charts import ACCENT, PLAIN, QUIET, SIDE, axis, colours, key
from dashboard.ui.format import NONE, decimal, interval
from dashboard.ui.format import share as written
from dashboard.ui.html import class_colour

DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4])


def roc_chart(model: Evaluated, part: str) -> None:
    """One model's curves of all classes: whole, or the corner where good models differ."""
    if model.figures is None:
        return
    curves = [curve for curve in model.figures.roc if curve.auc.defined]
    names = [curve.name for curve in curves]
    corner = part == "corner"
    legend = _dashes(names)
    spec = {
        "mark": {"type": "line", "interpolate": "linear", "strokeWidth": 2, "clip": True},
        "encoding": {
            "x": axis("false", "1 − specificity, %", [0, 10] if corner else [0, 100]),
            "y": axis("true", "sensitivity, %", [90, 100] if corner else [0, 100]),
            "order": {"field": "order", "type": "quantitative"},
            "color": {"field": "class", "type": "nominal", "scale": colours(names), "legend": None},
            "strokeDash": {"field": "class", "type": "nominal", "scale": legend, "legend": None},
        },
    }
    areas = ", ".join(f"{curve.name} {decimal(curve.auc.value, 4)}" for curve in curves)
    st.vega_lite_chart(_roc_table(curves), spec, height=SIDE, alt=f"ROC curves of {model.title}; AUC: {areas}")


def _roc_table(curves: Sequence[Roc]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"false": 100 * false, "true": 100 * true, "class": curve.name, "order": number}
            for curve in curves
            for number, (false, true) in enumerate(zip(curve.false_positive, curve.true_positive, strict=True))
        ]
    )


def _dashes(names: Sequence[str]) -> dict[str, Any]:
    return {"domain": list(names), "range": [DASHES[number % len(DASHES)] for number in range(len(names))]}


def roc_key(names: Sequence[str]) -> str:
    """HTML: which line is which class, by colour and dashes."""
    return key([(name, class_colour(name), DASHES[number % len(DASHES)]) for number, name in enumerate(names)])


def calibration_chart(model: Evaluated) -> None:
    """The share that is right by how sure the model is; a dot's area stands for the number of answers."""
    if model.figures is None:
        return
    found = model.figures.calibration
    rows = [
        {"sure": 100 * row.confidence, "right": 100 * row.accuracy, "answers": row.images}
        for row in found.bins
        if row.confidence is not None and row.accuracy is not None
    ]
    x, y = axis("sure", "confidence, %", [0, 108]), axis("right", "named right, %", [0, 108])
    size = {"field": "answers", "type": "quantitative", "scale": {"range": [20, 220], "zero": True}, "legend": None}
    diagonal = {"values": [{"sure": 0, "right": 0}, {"sure": 100, "right": 100}]}
    tips = [
        {"field": "sure", "type": "quantitative", "title": "mean confidence, %", "format": ".1f"},
        {"field": "right", "type": "quantitative", "title": "named right, %", "format": ".1f"},
        {"field": "answers", "type": "quantitative", "format": ","},
    ]
    spec = {
        "layer": [
            {
                "data": diagonal,
                "mark": {"type": "line", "color": QUIET, "strokeDash": [4, 4], "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y},
            },
            {
                "mark": {"type": "point", "filled": True, "color": ACCENT, "opacity": 0.9},
                "encoding": {"x": x, "y": y, "size": size, "tooltip": tips},
            },
        ]
    }
    told = f"Calibration of {model.title}: expected error {decimal(found.ece) if found.ece is not None else NONE}"
    st.vega_lite_chart(pd.DataFrame(rows), spec, height=SIDE, alt=told)


def history_chart(model: Evaluated, kind: str) -> None:
    """Curves of one training: on the training images dashed, on the validation images whole."""
    history = model.history
    if history is None or not len(history):
        return
    rows = _history_rows(history, kind)
    if not rows:
        st.caption(f"Its history keeps no {kind}.")
        return
    names = ["training", "validation"]
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "title": "accuracy, %" if kind == "accuracy" else "loss",
    }
    y |= {"axis": PLAIN, "scale": {"domain": [0, 100]} if kind == "accuracy" else {"zero": True}}
    spec = {
        "mark": {"type": "line", "strokeWidth": 2, "point": len(history) < 3},
        "encoding": {
            "x": {
                "field": "epoch",
                "type": "quantitative",
                "title": "epoch",
                "axis": {**PLAIN, "tickMinStep": 1},
                "scale": {"zero": False, "nice": False},
            },
            "y": y,
            "color": {
                "field": "on",
                "type": "nominal",
                "scale": {"domain": names, "range": [QUIET, ACCENT]},
                "legend": None,
            },
            "strokeDash": {
                "field": "on",
                "type": "nominal",
                "scale": {"domain": names, "range": [[5, 3], [1, 0]]},
                "legend": None,
            },
        },
    }
    best = history.best_validation
    told = f"; highest validation accuracy {written(best)}" if best is not None else ""
    st.vega_lite_chart(pd.DataFrame(rows), spec, height=200, alt=f"{kind} of {model.title} by epoch{told}")


def _history_rows(history: History, kind: str) -> list[dict[str, Any]]:
    scale = 100 if kind == "accuracy" else 1
    return [
        {"epoch": epoch + 1, "value": scale * value, "on": on}
        for side, on in (("train", "training"), ("val", "validation"))
        for epoch, value in zip(history.epochs, history.columns[f"{side}_{kind}"], strict=False)
        if value is not None
    ]


def history_key() -> str:
    """HTML: which line is which."""
    return key([("training", QUIET, [5, 3]), ("validation", ACCENT, [1, 0])])


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


FEWEST, MOST = 3, 4  # columns: one model's chart alone is no wider than it reads well


def model_grid(count: int, key: str) -> GridContainer:
    """A grid with a cell for each of `count` models, one below the other where the screen is narrow."""
    return st.grid(min(max(count, FEWEST), MOST), min_column_width=218, gap=14, key=key)
