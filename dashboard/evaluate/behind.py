"""What stands behind a point of a curve: the cells that a threshold gets wrong, the answers of one confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.evaluation.metrics import Bin, Figures
from dashboard.evaluate.images import at_point, in_bin, show_answers
from dashboard.evaluate.models import Evaluated
from dashboard.ui.format import share

POINT, BIN = "roc-point", "calibration-bin"  # what was clicked last: (model's name, what stands behind the point)


def pick(kind: str, model: str, behind: Any) -> None:
    """Take a click over: `behind` is what the chart's point hands on."""
    st.session_state[kind] = (model, behind)


def show_point(models: Sequence[Evaluated]) -> None:
    """Show what the ROC point that was clicked last gets wrong."""
    picked, by_name = st.session_state.get(POINT), {model.name: model for model in models}
    if picked is None or picked[0] not in by_name:
        return
    model, (name, false, true) = by_name[picked[0]], picked[1]
    if model.answers is None or model.card is None or name not in model.answers.classes:
        return
    missed, alarms = at_point(model.answers, name, float(false), float(true), model.card.temperature)
    sentence = (
        f"Here {model.title} finds {share(float(true))} of class {name} and misses {len(missed):,}; it takes "
        f"{share(float(false))} of the others for it, {len(alarms):,} in all."
    )
    show_answers(model, sentence, [*missed, *alarms], "roc", f"{name}-{false}-{true}")
    st.button("Close", key="roc-close", type="tertiary", icon=":material/close:", on_click=_forget, args=(POINT,))


def show_bin(models: Sequence[Evaluated]) -> None:
    """Show the lists that name a model and a range of confidence, and the answers in it, the wrong ones first."""
    by_name = {model.name: model for model in models if model.figures is not None}
    if not by_name:
        return
    picked = st.session_state.get(BIN)
    first = picked[0] if picked is not None and picked[0] in by_name else next(iter(by_name))
    st.session_state[BIN_MODEL] = first
    figures = by_name[first].figures
    assert figures is not None
    filled = filled_bins(figures)
    number = picked[1] if picked is not None and picked[0] == first and picked[1] in filled else None
    st.session_state[BIN_RANGE] = number
    with st.container(horizontal=True, gap="medium"):
        st.selectbox(
            "Answers of",
            list(by_name),
            format_func=lambda name: by_name[name].title,
            width=210,
            key=BIN_MODEL,
            on_change=_take_lists,
        )
        st.selectbox(
            "Confidence",
            [None, *filled],
            format_func=lambda place: "Choose a range" if place is None else range_of(filled[place]),
            width=210,
            key=BIN_RANGE,
            on_change=_take_lists,
        )
    if number is not None:
        _show_answers(by_name[first], filled[number])


BIN_MODEL, BIN_RANGE = "calibration-model", "calibration-range"


def filled_bins(figures: Figures) -> dict[int, Bin]:
    """The bins that hold answers, by number."""
    return {number: row for number, row in enumerate(figures.calibration.bins) if row.images}


def range_of(row: Bin) -> str:
    """A bin's ends in words, with the number of its answers."""
    return f"{100 * row.low:.0f} to {100 * row.high:.0f} % ({row.images:,})"


def _show_answers(model: Evaluated, row: Bin) -> None:
    if model.answers is None or model.card is None:
        return
    found, wrong = in_bin(model.answers, row.low, row.high, model.card.temperature)
    sentence = (
        f"{model.title} is {100 * row.low:.0f} to {100 * row.high:.0f} % sure of {len(found):,} answers: "
        f"{len(found) - wrong:,} are right, {wrong:,} wrong."
    )
    show_answers(model, sentence, found, "calibration", f"{row.low:.3f}")


def _take_lists() -> None:
    session = st.session_state
    session[BIN] = (session[BIN_MODEL], session[BIN_RANGE])


def _forget(kind: str) -> None:
    st.session_state.pop(kind, None)
