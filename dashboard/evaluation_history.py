"""Curves of a training: accuracy or loss by epoch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.history import History
from dashboard.evaluation_charts import ACCENT, PLAIN, QUIET, key
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import share as written


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
