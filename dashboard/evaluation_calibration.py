"""Calibration: the share that is right by how sure a model is."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.evaluation_charts import ACCENT, QUIET, SIDE, axis
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import NONE, decimal


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
