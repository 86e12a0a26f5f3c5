"""The Fit page as a whole: cells in, labels on, a model fitted, the figures and the model out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.adaptation.adapt import UNLABELLED, adapt, check_labels
from core.classes import CLASSES
from core.errors import InputError
from core.models.classifier import Classifier
from core.simulation.gallery import cells_of_another_camera
from dashboard import state, uploads
from dashboard.answers import framed_view
from dashboard.batch import Asked, ask_some
from dashboard.fit.labels import labels_of, show_counts_of_labels, show_labelling
from dashboard.fit.refine import offer_fine_tuning
from dashboard.fit.result import SEED, Fitted, show_fit
from dashboard.images import subject_of
from dashboard.models import entry, names, title
from dashboard.state import kept_option
from dashboard.ui.format import quoted
from dashboard.ui.html import png_bytes
from dashboard.url import TRAINED

POLL = 0.2  # s between two slices of asking
DRAWN = 8  # cells a class of the made-up laboratory
FITTED = "fit-result"
LEAD = (
    "Label some cells of your own microscope, five to fifty of each class, and a model is fitted to them: its last "
    "layer, and the statistics of its normalisation. Before and after are measured on cells whose labels the fit did "
    "not see; where that shows no gain, the model stays as it is."
)


def show_fitting() -> None:
    """Show every step, as far as there is something to show."""
    st.markdown(LEAD)
    if not uploads.store().files:
        _ask_for_cells()
        return
    name = _choose_model()
    classifier = entry(name).classifier
    if classifier is None:
        st.error(quoted(entry(name).fault), icon=":material/error:")
        return
    _, waiting = ask_some((name,), TRAINED, state.get("cell"))
    (_asking if waiting else _labelling)(name)


STEPS = (
    "1. **Bring** pictures of single cells, as your microscope gives them. Several slides are better than one.\n"
    "2. **Label** them: a click or a key for each. The model's own answer stands beside the cell.\n"
    "3. **Fit**, and see by how much the recall of each class rises, and whether chance explains it.\n"
    "4. **Keep** the fitted model beside the others, or take it with you. The old one stays."
)


def _ask_for_cells() -> None:
    st.markdown(STEPS)
    st.info(
        "Bring pictures of single cells with “Upload” above, or a whole folder under “More”: 100 pictures at most. "
        "For more, use `python -m core fit`.",
        icon=":material/upload:",
    )
    st.button(
        "Try it with a made-up laboratory",
        icon=":material/science:",
        on_click=_draw_cells,
        help=f"{DRAWN * len(CLASSES)} cells drawn by this software, as a camera sees them that mixes colours up.",
    )


def _draw_cells() -> None:
    for number, (label, rgb) in enumerate(cells_of_another_camera(DRAWN), start=1):
        uploads.add(f"made-up/{label}/{number}.png", png_bytes(rgb))


def _choose_model() -> str:
    options = list(names())
    first = "mobilenet_v3_small" if "mobilenet_v3_small" in options else options[0]
    return str(
        st.selectbox(
            "Model to fit",
            options,
            format_func=lambda name: quoted(title(name)),
            width=320,
            **kept_option("fit-model", options, first),
        )
    )


@st.fragment(run_every=POLL)
def _asking(name: str) -> None:
    """The model's answers, asked for in slices of a second: they are offered as labels."""
    rows, waiting = ask_some((name,), TRAINED, state.get("cell"))
    if not waiting:
        st.rerun()
    st.progress(len(rows) / (len(rows) + waiting), text=f"{len(rows)} of {len(rows) + waiting} pictures looked at")


@st.fragment
def _labelling(name: str) -> None:
    classifier = entry(name).classifier
    rows, _ = ask_some((name,), TRAINED, state.get("cell"))
    if classifier is None or not rows:
        return
    show_labelling(rows, classifier.card.classes)
    show_counts_of_labels(rows, classifier.card.classes)
    _show_fitting(classifier, rows)


def _show_fitting(classifier: Classifier, rows: Sequence[Asked]) -> None:
    """The button, what it waits for, the work, and its result."""
    places = _places(rows, classifier.card.classes)
    missing = ""
    try:
        check_labels(places, classifier.card.classes)
    except InputError as error:
        missing = str(error)
    asked = st.button("Fit the model", type="primary", icon=":material/tune:", key="fit-start", disabled=bool(missing))
    if missing:
        st.caption(quoted(missing))
    elif asked:
        _fit(classifier, rows, places)
    fitted = st.session_state.get(FITTED)
    if fitted is not None and fitted.classifier.identity == classifier.identity:
        if fitted.mark != _mark(rows, places):
            st.caption("The labels have changed since this fit: fit anew to count them in.")
        show_fit(fitted)
    if not missing:
        offer_fine_tuning(classifier, labels_of(rows, classifier.card.classes))


def _places(rows: Sequence[Asked], classes: Sequence[str]) -> NDArray[np.int64]:
    """Each picture's label as its place in the classes; pictures without a cell are left out."""
    labels = labels_of(rows, classes)
    found = [classes.index(labels[row.key]) if row.key in labels else UNLABELLED for row in rows if row.found]
    return np.array(found, dtype=np.int64)


def _mark(rows: Sequence[Asked], places: NDArray[np.int64]) -> str:
    """What tells these pictures with these labels from others."""
    return " ".join(f"{row.key}:{place}" for row, place in zip((r for r in rows if r.found), places, strict=True))


def _fit(classifier: Classifier, rows: Sequence[Asked], places: NDArray[np.int64]) -> None:
    """Fit, with progress; any other button ends the work and leaves the last result as it was."""
    holder = st.empty()
    with holder.container(key="fit-work"):
        bar = st.progress(0.0, text="Framing the pictures")
        st.button("Stop", key="fit-stop", icon=":material/stop_circle:")
    try:
        found = adapt(
            classifier, _views(classifier, rows), places, SEED, lambda words, share: bar.progress(share, words)
        )
        st.session_state[FITTED] = Fitted(classifier, found, _mark(rows, places))
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
    holder.empty()


def _views(classifier: Classifier, rows: Sequence[Asked]) -> list[NDArray[np.uint8]]:
    """What the model is shown of each picture that shows a cell."""
    subjects = [subject_of(row.key) for row in rows if row.found]
    framing, parameters = classifier.card.framing, state.get("cell")
    return [framed_view(subject, framing, parameters).rgb for subject in subjects if subject is not None]
