"""The cell pipeline as pictures, one tile a stage in the order of the work; and what each model says before and after
the cell is cut out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.models.classifier import Prediction
from core.preprocessing.parameters import CellParameters
from core.preprocessing.pipeline import CellCrop
from core.preprocessing.segmentation import is_nucleus_alone
from dashboard.answers import Answer, ask, framed_view
from dashboard.consensus import show_unfamiliar
from dashboard.images import Subject
from dashboard.models import entry, title
from dashboard.ui.format import percent
from dashboard.ui.html import fitted
from dashboard.url import TRAINED

TILE = 320

CAPTIONS = {
    "original": "as it came",
    "padded": "a border around it",
    "thresholded": "white: within the bounds",
    "eroded": "specks gone",
    "dilated": "grown back, gaps closed",
    "contour": "the cell's outline",
    "masked": "all else black",
    "cropped": "the cell's own box",
    "resized": "what a model is given",
}

CAPTIONS_OF_NUCLEUS = {
    "contour": "the nucleus's outline",
    "masked": "all but the nucleus black",
    "cropped": "the nucleus's own box",
}

CAPTIONS_WITHOUT = {
    "contour": "no piece is like a cell",
    "masked": "nothing to mask",
    "cropped": "the whole frame",
}


def show_stages(crop: CellCrop, subject: Subject) -> None:
    """Show what was found, and every stage of the pipeline in one grid."""
    alone = crop.found and is_nucleus_alone(crop.mask, subject.rgb)
    if crop.found and crop.box is not None:
        share = 100 * float(crop.mask.mean())
        width, height = crop.box[2:]
        what = "Nucleus found, without its cytoplasm" if alone else "Cell found"
        st.html(f'<p class="ll-sentence">{what}: {width} × {height} px, {share:.1f} % of the frame.</p>')
    else:
        reason = crop.reason[:1].upper() + crop.reason[1:].rstrip(".")
        st.warning(f"No cell found: using the whole frame. {reason}.", icon=":material/search_off:")
    grid = st.grid(5, min_column_width=104, gap=12, key="stages")
    for number, (name, picture) in enumerate(crop.stages.items(), start=1):
        special = CAPTIONS_OF_NUCLEUS if alone else {} if crop.found else CAPTIONS_WITHOUT
        about = special.get(name, CAPTIONS.get(name, ""))
        size = f"{picture.shape[1]} × {picture.shape[0]} px"
        with grid.cell():
            st.image(
                fitted(picture, TILE),
                width="stretch",
                alt=f"{subject.title}, {name}: {about}, {size}",
            )
            st.html(f'<p class="ll-caption"><strong>{number} {name}</strong><br>{about}<br>{size}</p>')


WHAT_MODELS_SEE = {
    "cell": ("Cut-out cell", "A square around the nucleus, at one scale, with what lies about the cell."),
    "masked": ("Masked cell", "The last stage above: the cell alone, everything else black."),
}


def show_framings(subject: Subject, parameters: CellParameters) -> None:
    """Show what “cut-out” and “masked” mean, on the cell at hand."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="top", key="framings"):
        for framing, (title, about) in WHAT_MODELS_SEE.items():
            view = framed_view(subject, framing, parameters)
            with st.container(width=210, gap="xxsmall"):
                st.image(fitted(view.rgb, TILE), width=150, alt=f"{title}: {about}")
                st.html(f'<p class="ll-caption"><strong>{title}</strong><br>{about}</p>')


def show_before_and_after(names: tuple[str, ...], subject: Subject, parameters: CellParameters) -> None:
    """Show a row a model: its answer to the framing it was trained on, and to the masked cell."""
    st.subheader("What the models make of it")
    show_framings(subject, parameters)
    if not names:
        st.info("No model is switched on. Switch one on under “Models”.", icon=":material/toggle_off:")
        return
    rows, trained = [], []
    with st.spinner("Asking the models"):
        for name in names:
            place = entry(name)
            before, after = (ask(place, subject, framing, parameters) for framing in (TRAINED, "masked"))
            rows.append(_row(title(name), before, after))
            trained.append(before)
    show_unfamiliar(trained)
    st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt="Each model's answer before and after")
    st.caption(
        "Before: framed as in the model's training, which for the shipped models is the cut-out cell. After: the "
        "masked cell, which no shipped model was trained on; its answers take no part in any sentence on agreement."
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
