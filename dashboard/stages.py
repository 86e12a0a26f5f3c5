"""The cell pipeline as pictures: one tile a stage, in the order of the work."""

from __future__ import annotations

import streamlit as st

from core.preprocessing.pipeline import CellCrop
from dashboard.pictures import fitted
from dashboard.subject import Subject

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
CAPTIONS_WITHOUT = {
    "contour": "no piece is like a cell",
    "masked": "nothing to mask",
    "cropped": "the whole frame",
}


def show_stages(crop: CellCrop, subject: Subject) -> None:
    """Show what was found, and every stage of the pipeline in one grid."""
    if crop.found and crop.box is not None:
        share = 100 * float(crop.mask.mean())
        width, height = crop.box[2:]
        st.html(f'<p class="ll-sentence">Cell found: {width} × {height} px, {share:.1f} % of the frame.</p>')
    else:
        reason = crop.reason[:1].upper() + crop.reason[1:].rstrip(".")
        st.warning(f"No cell found: using the whole frame. {reason}.", icon=":material/search_off:")
    grid = st.grid(5, min_column_width=104, gap=12, key="stages")
    for number, (name, picture) in enumerate(crop.stages.items(), start=1):
        about = CAPTIONS.get(name, "") if crop.found else CAPTIONS_WITHOUT.get(name, CAPTIONS.get(name, ""))
        size = f"{picture.shape[1]} × {picture.shape[0]} px"
        with grid.cell():
            st.image(
                fitted(picture, TILE),
                width="stretch",
                alt=f"{subject.title}, {name}: {about}, {size}",
            )
            st.html(f'<p class="ll-caption"><strong>{number} {name}</strong><br>{about}<br>{size}</p>')
