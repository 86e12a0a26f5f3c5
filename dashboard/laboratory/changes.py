"""Changes to a cell side by side: pictures, what each did to one class's probability as a chart, and all of it as a
table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.errors import InputError
from core.laboratory.effects import Effect, effects_of
from core.models.classifier import Classifier
from dashboard.models import ModelEntry
from dashboard.ui.charts import ROW, empty_figure, plain_text, show
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import CLASS_COLOURS, fitted, table

Rgb = NDArray[np.uint8]
TILE = 150
BAR = 13  # px of a model's bar
SHADES = tuple(CLASS_COLOURS.values())
LABEL_WIDTH = 152  # px beside the bars


def show_changes(before: Rgb, changed: Mapping[str, Rgb], entries: Sequence[ModelEntry], label: str) -> None:
    """Show `changed` pictures by title, and what each did to the probability of `label` in every model that answers."""
    grid = st.grid(5, min_column_width=120, gap=12, key="laboratory-changes")
    for title, rgb in {"as it is": before, **changed}.items():
        with grid.cell():
            st.image(fitted(rgb, TILE), width="stretch", alt=f"The cell, {title.lower()}")
            st.html(f'<p class="ll-caption">{escape(title)}</p>')
    found: dict[str, list[Effect]] = {}
    for one in entries:
        if one.classifier is None:
            st.warning(f"{quoted(one.title)}: {quoted(one.fault)}", icon=":material/block:")
            continue
        if label not in one.classifier.card.classes:
            st.caption(f"{quoted(one.title)} does not know the class {quoted(label)}: it is left out.")
            continue
        try:
            with st.spinner(f"Asking {one.title}", show_time=True):
                found[one.title] = measured_effects(one.classifier, before, changed)
        except InputError as error:
            st.error(f"{quoted(one.title)}: {quoted(str(error))}", icon=":material/block:")
    if found and changed:
        show(_figure(found, label), "laboratory-effects", _words(found, label))
        st.html(_table(found, label))
        st.caption(
            "Bold: the model names another class. Every picture is cut out where the cell as it is is cut out, so that "
            "a change to the nucleus does not shift the frame."
        )


def measured_effects(classifier: Classifier, before: Rgb, changed: Mapping[str, Rgb]) -> list[Effect]:
    """What each change did to a model's answer; numbers alone are remembered."""
    digest = hashlib.sha256(before.tobytes())
    for title, rgb in changed.items():
        digest.update(title.encode() + rgb.tobytes())
    return _effects(classifier.identity, before.shape, digest.hexdigest(), classifier, before, dict(changed))


@st.cache_data(show_spinner=False, max_entries=512)
def _effects(
    identity: tuple[str, str, str],
    shape: tuple[int, ...],
    digest: str,
    _classifier: Classifier,
    _before: Rgb,
    _changed: dict[str, Rgb],
) -> list[Effect]:
    return effects_of(_classifier, _before, _changed)


def _points(effect: Effect, label: str) -> float:
    return 100 * float(effect.difference[effect.classes.index(label)])


def _figure(found: Mapping[str, Sequence[Effect]], label: str) -> go.Figure:
    """Level bars: a row a change, a bar a model, in points of the class's probability."""
    rows = max(len(effects) for effects in found.values())
    figure = empty_figure(rows * max(26, BAR * len(found) + 10) + 70, -(-len(found) // 2))
    for number, (model, effects) in enumerate(found.items()):
        figure.add_bar(
            orientation="h",
            name=plain_text(model),
            y=[plain_text(effect.change) for effect in effects],
            x=[_points(effect, label) for effect in effects],
            marker={"color": SHADES[number % len(SHADES)], "line": {"width": 0}},
            hovertemplate=f"{plain_text(model)}, %{{y}}: %{{x:+.1f}} points<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        bargap=0.25,
        margin={"l": LABEL_WIDTH, "b": 48 + ROW * -(-len(found) // 2)},
        xaxis={"title": {"text": f"{plain_text(label)}, change in points"}, "zeroline": True},
        yaxis={"autorange": "reversed"},
    )
    return figure


def signed_points(points: float) -> str:
    """Percentage points with their sign."""
    return f"{points:+.1f}".replace("-", "−") if abs(points) >= 0.05 else "0.0"


def _table(found: Mapping[str, Sequence[Effect]], label: str) -> str:
    titles = [effect.change for effect in next(iter(found.values()))]
    heads = [f'<th scope="col">{escape(head)}</th>' for head in ("model", f"{label}, as it is", *titles)]
    rows = []
    for model, effects in found.items():
        first = percent(float(effects[0].before[effects[0].classes.index(label)]))
        cells = [f"<td>{first}</td>", *(_cell(effect, label) for effect in effects)]
        rows.append(f'<tr><th scope="row">{escape(model)}</th>{"".join(cells)}</tr>')
    return table(f"What each change did to the probability of {label}, points", heads, rows)


def _cell(effect: Effect, label: str) -> str:
    told = signed_points(_points(effect, label))
    if not effect.turned:
        return f"<td>{told}</td>"
    return f"<td><strong>{told}: {escape(effect.classes[int(effect.after.argmax())])}</strong></td>"


def _words(found: Mapping[str, Sequence[Effect]], label: str) -> str:
    """The chart for those who do not see it: of each model the change that counts most."""
    told = []
    for model, effects in found.items():
        most = max(effects, key=lambda effect: abs(_points(effect, label)))
        told.append(f"{model}: {most.change} changes most, by {signed_points(_points(most, label))} points")
    return f"Change in the probability of {label}. {'; '.join(told)}."
