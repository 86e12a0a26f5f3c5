"""A run's curves: loss and accuracy after every epoch, the stages' borders, the best epoch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.runs.directory import RunDirectory
from core.training.recipe import Recipe

TRAIN_COLOUR, VALIDATION_COLOUR = "#85818e", "#8e63c9"  # at least 3:1 against the light and the dark ground

HEIGHT = 210

LINES = {"train": "Training", "val": "Validation"}

KINDS = {"loss": ("Loss", 1.0, ""), "accuracy": ("Accuracy, %", 100.0, " %")}

PLAIN = {"titleFontWeight": "normal"}


def show_curves(run: RunDirectory, recipe: Recipe | None) -> None:
    """Show loss and accuracy side by side, or say that the first epoch has yet to end."""
    history = run.history()
    if history.empty:
        st.html('<p class="ll-caption">The curves begin when the first epoch is finished.</p>')
        return
    best = best_epoch(history, recipe)
    st.html(_key(history, best))
    grid = st.grid(len(KINDS), min_column_width=260, gap=16, key="training-curves")
    for kind, (title, scale, _) in KINDS.items():
        with grid.cell():
            spec = _spec(kind, title, history, recipe, best)
            st.vega_lite_chart(_table(history, kind, scale), spec, height=HEIGHT, alt=_alt(history, kind))


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


def _table(history: pd.DataFrame, kind: str, scale: float) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"epoch": history["epoch"] + 1, "value": scale * history[f"{name}_{kind}"], "of": title})
        for name, title in LINES.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna(subset=["value"])


def _spec(kind: str, title: str, history: pd.DataFrame, recipe: Recipe | None, best: int | None) -> dict[str, Any]:
    names = list(LINES.values())
    last = max(2, int(history["epoch"].max()) + 1)
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "scale": {"domain": [0.5, last + 0.5], "nice": False},
        "axis": {"tickMinStep": 1, "format": "d", "grid": False, **PLAIN},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": title,
        "scale": {"zero": False, "padding": 8},
        "axis": PLAIN,
    }
    of = {"field": "of", "type": "nominal", "legend": None}
    colour = {**of, "scale": {"domain": names, "range": [TRAIN_COLOUR, VALIDATION_COLOUR]}}
    dash = {**of, "scale": {"domain": names, "range": [[5, 3], [1, 0]]}}
    tips = [
        {"field": "of", "type": "nominal", "title": "side"},
        {"field": "epoch", "type": "quantitative"},
        {"field": "value", "type": "quantitative", "title": title, "format": ".4g"},
    ]
    few = len(history) <= 30
    lines = {
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 28, "filled": True} if few else False},
        "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash, "tooltip": tips},
    }
    return {"layer": [*_border_layers(history, recipe), lines, *_best_layers(history, kind, best)]}


def _border_layers(history: pd.DataFrame, recipe: Recipe | None) -> list[dict[str, Any]]:
    marks = borders(history, recipe)
    if len(marks) < 2:
        return []
    place = {"field": "at", "type": "quantitative"}
    return [
        {
            "data": {"values": marks[1:]},
            "mark": {"type": "rule", "color": TRAIN_COLOUR, "strokeDash": [2, 3], "opacity": 0.8},
            "encoding": {"x": place},
        },
        {
            "data": {"values": marks},
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "dx": 4,
                "color": TRAIN_COLOUR,
                "fontSize": 11,
            },
            "encoding": {"x": place, "y": {"value": 2}, "text": {"field": "size", "type": "nominal"}},
        },
    ]


def _best_layers(history: pd.DataFrame, kind: str, best: int | None) -> list[dict[str, Any]]:
    row = history[history["epoch"] == best]
    if best is None or row.empty or pd.isna(row[f"val_{kind}"].iloc[0]):
        return []
    value = KINDS[kind][1] * float(row[f"val_{kind}"].iloc[0])
    return [
        {
            "data": {"values": [{"epoch": best + 1, "value": value}]},
            "mark": {"type": "point", "shape": "diamond", "size": 150, "color": VALIDATION_COLOUR, "strokeWidth": 2.5},
            "encoding": {
                "x": {"field": "epoch", "type": "quantitative"},
                "y": {"field": "value", "type": "quantitative"},
            },
        }
    ]


def _key(history: pd.DataFrame, best: int | None) -> str:
    told = ""
    if best is not None:
        row = history[history["epoch"] == best].iloc[0]
        figures = [f"validation accuracy {100 * row['val_accuracy']:.1f} %"] if pd.notna(row["val_accuracy"]) else []
        if pd.notna(row["val_mean_recall"]):
            figures.append(f"mean recall of the classes {100 * row['val_mean_recall']:.1f} %")
        told = f"<span>◇ Best: epoch {best + 1}{', ' if figures else ''}{', '.join(figures)}</span>"
    dashes = f"background:repeating-linear-gradient(90deg,{TRAIN_COLOUR} 0 6px,transparent 6px 9px)"
    return (
        f'<p class="ll-legend"><span class="ll-line"><span style="height:2px;{dashes}"></span>Training</span>'
        f'<span class="ll-line"><span style="height:2px;background:{VALIDATION_COLOUR}"></span>Validation</span>'
        f"{told}</p>"
    )


def _alt(history: pd.DataFrame, kind: str) -> str:
    title, scale, unit = KINDS[kind]
    last = history.iloc[-1]
    parts = [
        f"{name.lower()} {scale * last[f'{key}_{kind}']:.3g}{unit}"
        for key, name in LINES.items()
        if pd.notna(last[f"{key}_{kind}"])
    ]
    return f"{title.split(',')[0]} after each of {len(history)} epochs; after the last: {', '.join(parts)}"
