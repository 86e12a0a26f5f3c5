"""What a fit brought: a sentence, a chart by class, and the ways to take the model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from core.adaptation.adapt import Adaptation, FitScore
from core.adaptation.folder import adapted_name, save_adapted
from core.errors import InputError
from core.explanation.evidence import zipped
from core.models.checkpoints import free_folder
from core.models.classifier import Classifier
from dashboard.access import is_open
from dashboard.models import root
from dashboard.state import kept, recall, remember
from dashboard.ui.charts import ACCENT, FRAME, QUIET, ROW, empty_figure, percent_axis, plain_text, show
from dashboard.ui.format import interval, quoted, share

KEPT_AS, KEEP_FAULT = "fit-kept-as", "fit-keep-fault"
SEED = 0
OWN = "own cells"
SHIFT = 0.16  # of a row: how far before and after stand from its middle


@dataclass(frozen=True)
class Fitted:
    """A finished fit: whose model it was, and what came of it. `mark` tells one fit from another."""

    classifier: Classifier
    found: Adaptation
    mark: str


def show_fit(fitted: Fitted) -> None:
    """Show what the fit brought, and offer the model."""
    found, title = fitted.found, fitted.classifier.card.title
    icon = ":material/check_circle:" if found.helps else ":material/info:"
    told = (
        f"**{found.verdict}** Mean recall of {quoted(title)} on your labelled cells: {share(found.before.mean_recall)} "
        f"before, {share(found.after.mean_recall)} after. Gain: {found.gain.in_words}, 95 % interval."
    )
    (st.success if found.helps else st.info)(told, icon=icon)
    st.caption(
        f"{found.folds}-fold cross-validation: each cell was judged by a fit that had not seen its label. Cells of one "
        "slide are alike, so that cells of other slides may be named worse. Changed: " + _changes(found)
    )
    for note in found.notes:
        st.caption(quoted(note))
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        show(recall_figure(found), "fit-recall", _chart_in_words(found))
    with right:
        _offer(fitted)


def _changes(found: Adaptation) -> str:
    parts = ["the last layer"] if found.choice.penalty is not None else []
    parts += ["the batch statistics, estimated on all pictures"] if found.choice.statistics else []
    return f"{' and '.join(parts)}." if parts else "nothing: no change did better in the trials."


def recall_figure(found: Adaptation) -> go.Figure:
    """Recall of each class before and after, with Wilson's intervals, the first class on top."""
    names = list(found.before.recall)
    figure = empty_figure(2 * ROW * len(names) + FRAME["below"], 1)
    for word, score, colour, shape, side in (
        ("before", found.before, QUIET, "circle-open", -SHIFT),
        ("after", found.after, ACCENT, "circle", SHIFT),
    ):
        figure.add_scatter(**_points(word, score, names, colour, shape, side))
    figure.update_layout(
        xaxis={**percent_axis("recall, %").layout(), "range": [0, 104]},
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": [plain_text(f"{name} ({found.labelled[name]})") for name in names],
            "range": [len(names) - 0.5, -0.5],
        },
    )
    figure.update_layout(margin={"l": 130})
    return figure


def _points(word: str, score: FitScore, names: list[str], colour: str, shape: str, side: float) -> dict[str, object]:
    found = [score.recall[name] for name in names]
    values = [100 * (one.value or 0.0) for one in found]
    return {
        "name": word,
        "x": values,
        "y": [place + side for place in range(len(names))],
        "mode": "markers",
        "marker": {"color": colour, "symbol": shape, "size": 9},
        "error_x": {
            "type": "data",
            "array": [100 * (one.high or 0.0) - value for one, value in zip(found, values, strict=True)],
            "arrayminus": [value - 100 * (one.low or 0.0) for one, value in zip(found, values, strict=True)],
            "color": colour,
            "thickness": 1.4,
            "width": 3,
        },
        "hovertext": [
            f"{plain_text(name)}, {word}: {share(one.value)} ({interval(one)}) of {one.of}"
            for name, one in zip(names, found, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "cliponaxis": False,
    }


def _chart_in_words(found: Adaptation) -> str:
    rows = (
        f"{name} {share(found.before.recall[name].value)} before and {share(found.after.recall[name].value)} after"
        for name in found.before.recall
    )
    return f"Recall by class: {'; '.join(rows)}"


def _offer(fitted: Fitted) -> None:
    """The fitted model as a folder beside the others, or as a file; where it does not help, only when asked for."""
    if not fitted.found.helps and not st.checkbox("Take the fitted model all the same", key=f"fit-take-{fitted.mark}"):
        st.caption(f"{quoted(fitted.classifier.card.title)} is kept as it is.")
        return
    place = st.text_input(
        "Called after", max_chars=40, help="Your laboratory or microscope; it stands in the model's title.",
        **kept("fit-place", OWN),
    ).strip() or OWN  # fmt: skip
    if is_open():
        st.button(
            "Keep it beside the models",
            key="fit-keep",
            type="primary",
            icon=":material/library_add:",
            on_click=_keep,
            args=(fitted, place),
        )
    st.download_button(
        "Download the model",
        lambda: model_zip(fitted, place),
        f"{adapted_name(fitted.classifier.card.name, place)}.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
    mark, name = recall(KEPT_AS, ("", ""))
    if mark == fitted.mark and name:
        st.caption(f"On all pages now, as “{quoted(name)}”.")
        st.page_link("../pages/compare.py", label="Compare", icon=":material/compare:")
    fault = recall(KEEP_FAULT, ("", ""))
    if fault[0] == fitted.mark and fault[1]:
        st.error(quoted(fault[1]), icon=":material/block:")


def _keep(fitted: Fitted, place: str) -> None:
    folder = free_folder(root(), adapted_name(fitted.classifier.card.name, place))
    try:
        save_adapted(folder, fitted.classifier, fitted.found, place, SEED)
    except OSError as error:
        remember(KEEP_FAULT, (fitted.mark, f"The model could not be written: {error.strerror or error}."))
        return
    remember(KEPT_AS, (fitted.mark, folder.name))


def model_zip(fitted: Fitted, place: str) -> bytes:
    """The model's folder as one zip file; InputError where the server has no room to write it."""
    name = adapted_name(fitted.classifier.card.name, place)
    try:
        with tempfile.TemporaryDirectory() as folder:
            save_adapted(Path(folder), fitted.classifier, fitted.found, place, SEED)
            return zipped({f"{name}/{path.name}": path.read_bytes() for path in sorted(Path(folder).iterdir())})
    except OSError as error:
        raise InputError(f"The model could not be written: {error.strerror or error}.") from error
