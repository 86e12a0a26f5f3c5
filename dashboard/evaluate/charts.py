"""Charts of an evaluation: ROC curves, calibration, a training's history and intervals by class, and the grid that
shows models side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.grid_container import GridContainer

from core.evaluation.history import History
from core.evaluation.metrics import Calibration, Figures
from dashboard.evaluate.models import Evaluated
from dashboard.evaluate.tables import TERMS
from dashboard.ui.charts import (
    ACCENT,
    DASHES,
    QUIET,
    Axis,
    Clicked,
    Line,
    empty_figure,
    epoch_axis,
    line_figure,
    percent_axis,
    plain_text,
    show,
)
from dashboard.ui.format import NONE, decimal, interval
from dashboard.ui.format import share as written
from dashboard.ui.html import class_colour

SIDE = 250
LOW = 200  # px, of a training's history
SIDES = {"train": ("training", QUIET, "5px,3px"), "val": ("validation", ACCENT, "solid")}
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-left", "triangle-right")
BAND = 18  # px of a model's row among the intervals
LARGEST_DOT = 15  # px across, the bin of most answers


def roc_figure(figures: Figures, part: str) -> go.Figure:
    """The curves of all classes: whole, or the corner where good models differ."""
    lines = [
        Line(
            name=curve.name,
            x=[100 * value for value in curve.false_positive],
            y=[100 * value for value in curve.true_positive],
            hover=f"Finds %{{y:.1f}} % of {plain_text(curve.name)}<br>and takes %{{x:.1f}} % of the others for it",
            colour=class_colour(curve.name),
            dash=DASHES[number % len(DASHES)],
            behind=[
                (curve.name, false, true) for false, true in zip(curve.false_positive, curve.true_positive, strict=True)
            ],
        )
        for number, curve in enumerate(curve for curve in figures.roc if curve.auc.defined)
    ]
    low, high = ((0, 10), (90, 100)) if part == "corner" else ((0, 100), (0, 100))
    return line_figure(lines, percent_axis("1 − specificity, %", *low), percent_axis("sensitivity, %", *high), SIDE)


def roc_chart(model: Evaluated, part: str, on_click: Clicked) -> None:
    """One model's ROC curves; a click hands on (class, false positive rate, true positive rate)."""
    if model.figures is None:
        return
    curves = [curve for curve in model.figures.roc if curve.auc.defined]
    areas = ", ".join(f"{curve.name} {decimal(curve.auc.value, 4)}" for curve in curves)
    figure = roc_figure(model.figures, part)
    show(figure, f"roc-{model.name}", f"ROC curves of {model.title}; AUC: {areas}", on_click)


def calibration_figure(found: Calibration) -> go.Figure:
    """The share that is right by how sure the model is; a dot's area stands for the number of answers."""
    rows = [
        (number, row, row.confidence, row.accuracy)
        for number, row in enumerate(found.bins)
        if row.confidence is not None and row.accuracy is not None
    ]
    figure = line_figure(
        [Line("right as often as sure", (0, 100), (0, 100), "", QUIET, "4px,4px", 1.5)],
        Axis("confidence, %", (0, 104), (0, 25, 50, 75, 100)),
        Axis("named right, %", (0, 106), (0, 25, 50, 75, 100)),
        SIDE,
        legend_columns=0,
    )
    figure.data[0].update(hoverinfo="skip", hovertemplate=None)
    most = max((row.images for _, row, _, _ in rows), default=1)
    figure.add_scatter(
        x=[100 * sure for _, _, sure, _ in rows],
        y=[100 * right for _, _, _, right in rows],
        customdata=[number for number, *_ in rows],
        mode="markers",
        cliponaxis=False,
        marker={
            "size": [4 + (LARGEST_DOT - 4) * math.sqrt(row.images / most) for _, row, _, _ in rows],
            "color": ACCENT,
            "opacity": 0.9,
        },
        hovertext=[
            f"{row.images:,} answers, {written(sure)} sure on average:<br>{written(right)} of them right"
            for _, row, sure, right in rows
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    return figure


def calibration_chart(model: Evaluated, on_click: Clicked) -> None:
    """One model's calibration; a click hands on the number of the bin."""
    if model.figures is None:
        return
    found = model.figures.calibration
    told = f"Calibration of {model.title}: expected error {decimal(found.ece) if found.ece is not None else NONE}"
    show(calibration_figure(found), f"calibration-{model.name}", told, on_click)


def history_figure(history: History, kind: str) -> go.Figure | None:
    """Curves of one training, dashed on the training images, whole on the validation images; None without any."""
    scale, unit = (100, " %") if kind == "accuracy" else (1, "")
    lines = []
    for side, (name, colour, dash) in SIDES.items():
        known = [
            (epoch + 1, scale * value)
            for epoch, value in zip(history.epochs, history.columns[f"{side}_{kind}"], strict=False)
            if value is not None
        ]
        if known:
            hover = f"{name.capitalize()} {kind} after epoch %{{x}}: %{{y:.3~r}}{unit}"
            x, y = zip(*known, strict=True)
            lines.append(Line(name, x, y, hover, colour, dash, markers=len(history) < 3))
    if not lines:
        return None
    y_axis = percent_axis("accuracy, %") if kind == "accuracy" else Axis("loss")
    figure = line_figure(lines, epoch_axis(max(history.epochs) + 1), y_axis, LOW)
    if kind != "accuracy":
        figure.update_yaxes(rangemode="tozero")
    return figure


def history_chart(model: Evaluated, kind: str) -> None:
    """Show the curves of a model's training, or that its history keeps none."""
    history = model.history
    if history is None or not len(history):
        return
    figure = history_figure(history, kind)
    if figure is None:
        st.caption(f"Its history keeps no {kind}.")
        return
    best = history.best_validation
    told = f"; highest validation accuracy {written(best)}" if best is not None else ""
    show(figure, f"history-{model.name}", f"{kind} of {model.title} by epoch{told}")


def interval_figure(models: Sequence[tuple[str, Figures]], kind: str) -> go.Figure | None:
    """A point and its interval for each class and model (title, figures); shapes tell models apart, colours classes."""
    classes = list(dict.fromkeys(name for _, figures in models for name in figures.classes))
    several = len(models) > 1
    height = 60 + len(classes) * (BAND * len(models) + 12)
    figure = empty_figure(height, len(models) if several else 0)
    drawn = False
    for number, (title, figures) in enumerate(models):
        shift = (number + 0.5) / len(models) * 0.8 - 0.4
        shape = SHAPES[number % len(SHAPES)]
        drawn |= _add_intervals(figure, title, figures, kind, classes, shift, shape)
        if several:  # the legend's mark has no class, and so no class's colour
            figure.add_scatter(
                x=[None],
                y=[None],
                name=plain_text(title),
                legendgroup=title,
                mode="markers",
                marker={"symbol": shape, "size": 9, "color": QUIET},
            )
    if not drawn:
        return None
    title = "AUC" if kind == "auc" else f"{TERMS[kind][0]}, %"
    longest = max(map(len, classes))
    rows = {
        "tickvals": list(range(len(classes))),
        "ticktext": [plain_text(name) for name in classes],
        "range": [len(classes) - 0.5, -0.5],
    }
    figure.update_layout(
        xaxis={"title": {"text": title}}, yaxis={**rows, "fixedrange": True}, margin={"l": 22 + 7 * min(longest, 20)}
    )
    return figure


def _add_intervals(
    figure: go.Figure, title: str, figures: Figures, kind: str, classes: Sequence[str], shift: float, shape: str
) -> bool:
    """Add one model's points and intervals; whether there are any."""
    x, y, above, below, colours, told, names = [], [], [], [], [], [], []
    scale = 1 if kind == "auc" else 100
    for rates, curve in zip(figures.per_class, figures.roc, strict=True):
        estimate = curve.auc if kind == "auc" else getattr(rates, kind)
        if estimate.value is None or estimate.low is None or estimate.high is None:
            continue
        x.append(scale * estimate.value)
        y.append(classes.index(rates.name) + shift)
        above.append(scale * (estimate.high - estimate.value))
        below.append(scale * (estimate.value - estimate.low))
        colours.append(class_colour(rates.name))
        names.append(rates.name)
        value = decimal(estimate.value, 4) if kind == "auc" else written(estimate.value)
        told.append(
            f"{plain_text(title)}, {plain_text(rates.name)}: {TERMS[kind][0]} {value}<br>"
            f"95 % interval {interval(estimate, kind)}, {rates.images:,} images"
        )
    figure.add_scatter(
        x=x,
        y=y,
        error_x={"array": above, "arrayminus": below, "color": QUIET, "thickness": 2, "width": 0},
        mode="markers",
        marker={"color": colours, "symbol": shape, "size": 9},
        customdata=names,
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
        legendgroup=title,
        showlegend=False,
    )
    return bool(x)


def interval_chart(models: Sequence[Evaluated], kind: str) -> None:
    """The intervals of all models' figures by class."""
    figure = interval_figure([(model.title, model.figures) for model in models if model.figures], kind)
    if figure is not None:
        alt = f"{TERMS[kind][0]} of each class with its 95 % interval; the table below holds the same figures"
        show(figure, "intervals", alt)


FEWEST, MOST = 3, 5  # columns: one model's chart alone is no wider than it reads well


def model_grid(count: int, key: str) -> GridContainer:
    """A grid with a cell for each of `count` models, one below the other where the screen is narrow."""
    return st.grid(min(max(count, FEWEST), MOST), min_column_width=218, gap=14, key=key)
