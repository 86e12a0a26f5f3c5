"""What each model says before the cell is cut out by these parameters, and after."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.prediction import Prediction
from core.preprocessing.parameters import CellParameters
from dashboard.address import TRAINED
from dashboard.agreement_line import show_unfamiliar
from dashboard.answers import Answer, ask
from dashboard.slots import slot, title
from dashboard.subject import Subject
from dashboard.words import percent


def show_before_and_after(names: tuple[str, ...], subject: Subject, parameters: CellParameters) -> None:
    """Show a row a model: its answer to the framing it was trained on, and to the masked cell."""
    st.subheader("What the models make of it")
    if not names:
        st.info("No model is switched on. Switch one on in the sidebar.", icon=":material/toggle_off:")
        return
    rows, trained = [], []
    with st.spinner("Asking the models"):
        for name in names:
            place = slot(name)
            before, after = (ask(place, subject, framing, parameters) for framing in (TRAINED, "masked"))
            rows.append(_row(title(name), before, after))
            trained.append(before)
    show_unfamiliar(trained)
    st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt="Each model's answer before and after")
    st.caption(
        "Before: framed as in the model's training. After: the last stage above, which no shipped model was trained "
        "on; its answers take no part in any sentence on agreement."
    )


def _row(model: str, before: Answer, after: Answer) -> dict[str, str]:
    first, second = before.prediction, after.prediction
    if first is None or second is None:
        return {
            "Model": model,
            "Before": before.fault or "no answer",
            "After": after.fault or "no answer",
            "Change": "",
        }
    return {"Model": model, "Before": _said(first), "After": _said(second), "Change": _change(first, second)}


def _said(prediction: Prediction) -> str:
    return f"{prediction.predicted}, {percent(prediction.confidence)}"


def _change(before: Prediction, after: Prediction) -> str:
    """How the probability of the class first named moved, in percentage points."""
    index = before.classes.index(before.predicted)
    points = 100 * float(after.probabilities[index] - before.probabilities[index])
    kept = "same class" if after.predicted == before.predicted else "another class"
    moved = "unchanged" if abs(points) < 0.05 else f"{points:+.1f} points".replace("-", "−")
    return f"{kept}; {before.predicted} {moved}"
