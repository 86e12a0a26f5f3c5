"""ROC curves of each class, this class against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation.roc import Roc
from dashboard.evaluation_charts import SIDE, axis, colours, key
from dashboard.evaluation_models import Evaluated
from dashboard.evaluation_words import decimal
from dashboard.palette import class_colour

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
