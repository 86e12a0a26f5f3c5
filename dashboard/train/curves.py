"""A run's curves: loss and accuracy after every epoch, the stages' borders, the best epoch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.runs.directory import RunDirectory
from core.training.recipe import Recipe
from dashboard.ui.charts import ACCENT, QUIET, Axis, Line, epoch_axis, line_figure, show

HEIGHT = 210

LINES = {"train": ("Training", QUIET, "5px,3px"), "val": ("Validation", ACCENT, "solid")}

KINDS = {"loss": ("Loss", 1.0, ""), "accuracy": ("Accuracy, %", 100.0, " %")}


def show_curves(run: RunDirectory, recipe: Recipe | None) -> None:
    """Show loss and accuracy side by side, or say that the first epoch has yet to end."""
    history = run.history()
    if history.empty:
        st.html('<p class="ll-caption">The curves begin when the first epoch is finished.</p>')
        return
    best = best_epoch(history, recipe)
    st.html(_told_best(history, best))
    grid = st.grid(len(KINDS), min_column_width=260, gap=16, key="training-curves")
    for kind in KINDS:
        with grid.cell():
            show(curve_figure(kind, history, recipe, best), f"curve-{kind}", _alt(history, kind))


def best_epoch(history: pd.DataFrame, recipe: Recipe | None) -> int | None:
    """The epoch (from 0) that the run keeps so far: best by the recipe's monitor in its last stage; None before."""
    monitor = recipe.monitor if recipe is not None else "val_accuracy"
    rows = history[history[monitor].notna()]
    if recipe is not None:
        rows = rows[[recipe.in_last_stage(int(epoch)) for epoch in rows["epoch"]]]
    if rows.empty:
        return None
    values = rows[monitor].tolist()
    place = values.index(min(values) if monitor == "val_loss" else max(values))
    return int(rows["epoch"].tolist()[place])


def borders(history: pd.DataFrame, recipe: Recipe | None) -> list[dict[str, Any]]:
    """Where each stage begins, on the axis of finished epochs, and what input size it has."""
    if recipe is None:
        changes = history[history["size"].diff().fillna(1) != 0]
        return [{"at": float(row["epoch"]) + 0.5, "size": _px(row["size"])} for _, row in changes.iterrows()]
    starts: list[dict[str, Any]] = []
    at = 0
    for stage in recipe.stages:
        starts.append({"at": at + 0.5, "size": _px(stage.size)})
        at += stage.epochs
    last = float(history["epoch"].max()) + 1
    return [start for start in starts if start["at"] < last + 0.5]


def _px(size: float) -> str:
    return f"{size:.0f} px" if pd.notna(size) else ""


def curve_figure(kind: str, history: pd.DataFrame, recipe: Recipe | None, best: int | None) -> go.Figure:
    """Loss or accuracy by epoch, with the stages' borders and a diamond at the best epoch."""
    title, scale, unit = KINDS[kind]
    last = max(2, int(history["epoch"].max()) + 1)
    lines = []
    for side, (name, colour, dash) in LINES.items():
        known = history[history[f"{side}_{kind}"].notna()]
        lines.append(
            Line(
                name,
                [int(epoch) + 1 for epoch in known["epoch"]],
                [scale * float(value) for value in known[f"{side}_{kind}"]],
                f"{name} {kind} after epoch %{{x}}: %{{y:.3~r}}{unit}",
                colour,
                dash,
                markers=len(history) <= 30,
            )
        )
    figure = line_figure(lines, epoch_axis(last, (0.5, last + 0.5)), Axis(title), HEIGHT)
    figure.update_xaxes(showgrid=False)
    _mark_stages(figure, borders(history, recipe))
    _mark_best(figure, kind, history, best)
    return figure


def _mark_stages(figure: go.Figure, starts: list[dict[str, Any]]) -> None:
    """A line where each stage begins, and its input size; nothing for a training of one stage."""
    if len(starts) < 2:
        return
    for start in starts[1:]:
        figure.add_vline(x=start["at"], line={"color": QUIET, "dash": "2px,3px", "width": 1})
    for start in starts:
        figure.add_annotation(
            x=start["at"],
            y=1,
            yref="paper",
            text=start["size"],
            showarrow=False,
            xanchor="left",
            yanchor="top",
            font={"size": 11, "color": QUIET},
        )


def _mark_best(figure: go.Figure, kind: str, history: pd.DataFrame, best: int | None) -> None:
    row = history[history["epoch"] == best]
    if best is None or row.empty or pd.isna(row[f"val_{kind}"].iloc[0]):
        return
    _, scale, unit = KINDS[kind]
    figure.add_scatter(
        x=[best + 1],
        y=[scale * float(row[f"val_{kind}"].iloc[0])],
        mode="markers",
        marker={"symbol": "diamond-open", "size": 12, "color": ACCENT, "line": {"width": 2.5}},
        hovertemplate=f"Best: epoch %{{x}}, validation {kind} %{{y:.3~r}}{unit}<extra></extra>",
        showlegend=False,
    )


def _told_best(history: pd.DataFrame, best: int | None) -> str:
    """HTML: which epoch is the best, and how good it is."""
    if best is None:
        return ""
    row = history[history["epoch"] == best].iloc[0]
    figures = [f"validation accuracy {100 * row['val_accuracy']:.1f} %"] if pd.notna(row["val_accuracy"]) else []
    if pd.notna(row["val_mean_recall"]):
        figures.append(f"mean recall of the classes {100 * row['val_mean_recall']:.1f} %")
    return f'<p class="ll-legend">◇ Best: epoch {best + 1}{", " if figures else ""}{", ".join(figures)}</p>'


def _alt(history: pd.DataFrame, kind: str) -> str:
    title, scale, unit = KINDS[kind]
    last = history.iloc[-1]
    parts = [
        f"{name.lower()} {scale * last[f'{key}_{kind}']:.3g}{unit}"
        for key, (name, *_) in LINES.items()
        if pd.notna(last[f"{key}_{kind}"])
    ]
    return f"{title.split(',')[0]} after each of {len(history)} epochs; after the last: {', '.join(parts)}"
