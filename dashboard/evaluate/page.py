"""The Evaluate page: figures of trained models on the images that they were tested with, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st

from dashboard import state
from dashboard.evaluate.behind import BIN, POINT, pick, show_bin, show_point
from dashboard.evaluate.charts import calibration_chart, history_chart, interval_chart, model_grid, roc_chart
from dashboard.evaluate.confusion import show_confusion
from dashboard.evaluate.costs import show_costs
from dashboard.evaluate.difference import show_difference
from dashboard.evaluate.models import Evaluated, choose_runs, evaluated
from dashboard.evaluate.papers import show_papers, show_reproduction
from dashboard.evaluate.tables import (
    INTERVALS,
    OTHERS,
    TERMS,
    class_table,
    glossary,
    others_table,
    overview_table,
    summary_table,
)
from dashboard.ui.format import decimal, interval, quoted, share
from dashboard.url import CLASS_FIGURES, CURVES, ROC_PARTS, TABS

ORIGIN = (
    "images of the same origin as those of the training; on other stains expect less, as this page tells. "
    "Not a medical device."
)

PARTS = {"corner": "Corner of few mistakes", "whole": "Whole"}

TAB_TITLES = {
    "overview": "Overview",
    "classes": "Classes",
    "mistakes": "Mistakes",
    "calibration": "Calibration",
    "training": "Training and cost",
    "papers": "Papers",
}

OVERVIEW = (
    "Mean recall: the mean over the classes of the share that is named right. Own laboratory: test images of the "
    "laboratory that most training cells came from. Left out: mean over laboratories, of each a model that was trained "
    "by the same recipe without it. Known laboratories: other cells of stains that training saw."
)


def show_evaluation() -> None:
    """Show everything that is known of the models switched on, part by part; a model that has nothing says why."""
    choose_runs()
    with st.spinner("Reading the models' answers"):
        models = evaluated()
    if not models:
        st.info(
            "No model is switched on. Switch one on under “Models” to see its figures.", icon=":material/toggle_off:"
        )
    _say_faults(models)
    state.say_problem("tab")
    titles = [TAB_TITLES[name] for name in TABS]
    tabs = st.tabs(
        titles,
        **state.bound("tab", to_widget=TAB_TITLES.__getitem__, from_widget=lambda told: TABS[titles.index(told)]),
    )
    parts = _parts(models)
    for name, tab in zip(TABS, tabs, strict=True):
        if name == state.get("tab"):  # what is not looked at is not drawn
            with tab:
                parts[name]()


def show_part_of_evaluation(name: str) -> None:
    """Show one tab's part alone, for the models switched on; `name` is one of TABS."""
    with st.spinner("Reading the models' answers"):
        models = evaluated()
    _say_faults(models)
    _parts(models)[name]()


def _parts(models: Sequence[Evaluated]) -> dict[str, Callable[[], None]]:
    known = [model for model in models if model.card is not None]
    measured = [model for model in models if model.figures is not None]
    return {
        "overview": lambda: _show_overview(known, measured),
        "classes": lambda: _show_by_class(measured),
        "mistakes": lambda: _show_mistakes(measured),
        "calibration": lambda: _show_sureness(measured),
        "training": lambda: _show_training(known),
        "papers": lambda: _show_papers(known),
    }


def _show_overview(known: Sequence[Evaluated], measured: Sequence[Evaluated]) -> None:
    """Own stain and others' side by side, then each in full."""
    if known:
        st.html(overview_table(known))
        st.caption(OVERVIEW)
    for kind in OTHERS:
        _show_others(kind, known)
    if not measured:
        return
    st.subheader("On other cells of the laboratory that most training cells came from")
    st.html(f'<p class="ll-sentence">{escape(headline(measured))}</p>')
    for caution in cautions(measured):
        st.caption(f":orange[:material/warning:] {quoted(caution)}")
    st.html(summary_table(measured))
    with st.expander("What these figures mean", icon=":material/menu_book:"):
        st.markdown(glossary())


def _show_by_class(measured: Sequence[Evaluated]) -> None:
    if not measured:
        _say_nothing()
        return
    _show_classes(measured)
    st.subheader("ROC curves", help=TERMS["auc"][1])
    _show_roc(measured)


def _show_mistakes(measured: Sequence[Evaluated]) -> None:
    if not measured:
        _say_nothing()
        return
    st.subheader("What is taken for what", help="Confusion matrices: true classes down, the models' answers across.")
    show_confusion(measured)
    st.subheader("Where two models differ", help="The first one's confusion matrix less the second's.")
    show_difference(measured)


def _show_sureness(measured: Sequence[Evaluated]) -> None:
    if not measured:
        _say_nothing()
        return
    st.subheader("Is it right as often as it is sure?", help=TERMS["ece"][1])
    _show_calibration(measured)


def _show_training(known: Sequence[Evaluated]) -> None:
    if not known:
        _say_nothing()
        return
    st.subheader("How they were trained")
    _show_histories(known)
    st.subheader("What they cost")
    show_costs(known)


def _show_papers(known: Sequence[Evaluated]) -> None:
    st.subheader("The papers' figures, and ours")
    show_papers(known)
    st.subheader("The papers' experiments done again")
    show_reproduction()


def _say_nothing() -> None:
    st.caption("None of the models switched on has kept answers to test images.")


def _show_others(kind: str, models: Sequence[Evaluated]) -> None:
    """The cards' figures on other laboratories, where there are any."""
    figures = others_table(kind, models)
    if figures:
        heading, told = OTHERS[kind]
        st.subheader(heading, help=told)
        st.html(figures)
        st.caption(f"{told} The mean leaves out classes under ten images. These figures stand in the models' cards.")


def _say_faults(models: Sequence[Evaluated]) -> None:
    for model in models:
        if model.fault or model.answers_fault:
            told = model.fault or f"No figures on its test images. {model.answers_fault}"
            st.warning(quoted(f"{model.title}: {told}"), icon=":material/block:")


def headline(measured: Sequence[Evaluated]) -> str:
    """The models in the order of their accuracy, with the best one's interval."""
    ranked = sorted(measured, key=lambda model: -(model.figures.accuracy.value or 0) if model.figures else 0)
    best = ranked[0]
    assert best.figures is not None
    accuracy = best.figures.accuracy
    first = (
        f"{best.title} names {share(accuracy.value)} of {best.figures.images:,} images right "
        f"(95 % interval {interval(accuracy)})"
    )
    rest = [f"{model.title} {share(model.figures.accuracy.value)}" for model in ranked[1:] if model.figures]
    return f"{first}; {', '.join(rest)}." if rest else f"{first}."


def cautions(measured: Sequence[Evaluated]) -> list[str]:
    """What has to be known before figures are compared: sets that differ, intervals that overlap, notes of each."""
    notes: dict[str, list[str]] = {}
    for model in measured:
        for note in model.figures.notes if model.figures else ():
            notes.setdefault(note, []).append(model.title)
    told = [note if len(of) == len(measured) else f"{', '.join(of)}: {note}" for note, of in notes.items()]
    sets = {(model.answers.images, model.answers.labels.tobytes()) for model in measured if model.answers}
    data = list(dict.fromkeys(model.figures.data for model in measured if model.figures))
    if len(sets) > 1:
        told.insert(0, f"The models were not measured on the same images ({'; '.join(data)}): compare with care.")
    else:
        told.insert(0, f"Measured on {data[0]}, {ORIGIN}")
    ranked = sorted((m.figures.accuracy for m in measured if m.figures), key=lambda one: -(one.value or 0))
    if len(ranked) > 1 and len(sets) == 1 and (ranked[1].high or 0) > (ranked[0].low or 0):
        told.append("The intervals of the best two overlap: these images do not settle which of them is better.")
    return told


@st.fragment
def _show_classes(measured: Sequence[Evaluated]) -> None:
    st.segmented_control(
        "Figure",
        CLASS_FIGURES,
        format_func=lambda kind: TERMS[kind][0],
        help="Which figure the chart shows; the table below it holds all.",
        **state.bound("figure"),
    )
    state.say_problem("figure")
    interval_chart(measured, state.get("figure"))
    st.html(class_table(measured))
    st.caption(INTERVALS)
    state.write_address()


@st.fragment
def _show_roc(measured: Sequence[Evaluated]) -> None:
    st.segmented_control(
        "Show",
        ROC_PARTS,
        format_func=PARTS.__getitem__,
        help="The corner: at most 10 % false alarms, at least 90 % found.",
        **state.bound("roc"),
    )
    state.say_problem("roc")
    grid = model_grid(len(measured), "roc-curves")
    for model in measured:
        with grid.cell():
            auc = model.figures.macro_auc.value if model.figures else None
            st.html(_heading(model.title, f"mean AUC {decimal(auc, 4)}"))
            roc_chart(model, state.get("roc"), partial(pick, POINT, model.name))
    st.caption("A click on a class in the legend shows it alone; a click on a curve shows what it gets wrong there.")
    show_point(measured)
    state.write_address()


@st.fragment
def _show_calibration(measured: Sequence[Evaluated]) -> None:
    grid = model_grid(len(measured), "calibration")
    for model in measured:
        with grid.cell():
            error = model.figures.calibration.ece if model.figures else None
            st.html(_heading(model.title, f"calibration error {decimal(error)}"))
            calibration_chart(model, partial(pick, BIN, model.name))
    st.caption(
        "A dot on the dashed line: right as often as sure. Below it: too sure. Its area: how many answers. A click "
        "shows them."
    )
    show_bin(measured)


@st.fragment
def _show_histories(models: Sequence[Evaluated]) -> None:
    st.segmented_control("Curves", CURVES, format_func=str.capitalize, **state.bound("curves"))
    state.say_problem("curves")
    grid = model_grid(len(models), "histories")
    for model in models:
        with grid.cell():
            epochs = f"{len(model.history)} epochs" if model.history else model.history_fault
            st.html(_heading(model.title, epochs))
            history_chart(model, state.get("curves"))
    st.caption(
        "Accuracy in training is measured on images that are altered at random, in validation on images as they are: "
        "the second can lie above the first. A step in the curve is a change of input size."
    )
    state.write_address()


def _heading(title: str, below: str) -> str:
    return f'<p class="ll-title">{escape(title)}</p><p class="ll-caption">{escape(below)}</p>'
