"""The maps of one class as a figure: a row a model, its picture first, then a column a method; large, with one zoom for
all, a wipe between picture and map, and the whole to take away as PNG or SVG with its legend."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from core.explanation.contrast import no_contrast
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.render import by_pixel, palette
from core.explanation.wording import largest_values, legend_ends, legend_text
from dashboard import state
from dashboard.explain.against import (
    alike_text,
    contrast_of,
    is_contrastive,
    other_class,
    shown_map,
    without_contrast,
)
from dashboard.explain.controls import on_a_phone
from dashboard.explain.jobs import ExplainRequest, ModelRow
from dashboard.explain.progress import show_progress
from dashboard.explain.rendering import Look, picture_of
from dashboard.ui.charts import empty_figure, plain_text, show
from dashboard.ui.format import percent, quoted
from dashboard.ui.html import picture_address
from dashboard.url import NAMED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL_MODELS, ROWS = "All models", "figure-model"
HEAD, FOOT = 26, 40  # px above a picture for its column's title, below it for what it says
LARGEST, SMALLEST = 330, 110  # px of a picture's side
ACROSS, ACROSS_PHONE = 980, 350  # px that a row has on a wide screen, and on a phone
GAP = 10  # px between pictures
TOOLS = 30  # px above the first row for the chart's buttons, which a phone shows all the time
LETTER = 8  # px that a letter takes, at most, of a text that must not run into the next picture
DPI = 200
PRINTED_LETTERS = 34  # a line in a file, in the place of a picture


@dataclass(frozen=True)
class Panel:
    """One picture of the figure: what stands above and below it, and its pixels `(S, S, 3) uint8`.

    Where there is no picture, `rgb` is None and `foot`, which then says why, stands in its place.
    """

    head: str
    foot: str
    rgb: NDArray[np.uint8] | None


def show_figure(rows: Sequence[ModelRow], asked: ExplainRequest, look: Look) -> None:
    """Show the figure, its legend and the ways to take it away."""
    able = {row.name: row for row in rows if row.explanations}
    _say_faults(rows, asked)
    if not able:
        return
    chosen = st.session_state.get(ROWS, ALL_MODELS)
    chosen = chosen if chosen in able else ALL_MODELS
    shown = [row for name, row in able.items() if chosen in (ALL_MODELS, name)]
    contrastive = is_contrastive(rows)
    panels = [panels_of(row, asked.methods, look, contrastive) for row in shown]
    share = state.get("wipe") / 100
    across = ACROSS_PHONE if on_a_phone() else ACROSS
    show(map_figure(panels, share, across, zooms=not on_a_phone()), "figure", _alt(panels))
    _choose_rows_and_wipe(able)
    for method in asked.methods:
        st.html(f'<p class="ll-caption">{_legend(method, look, shown, contrastive)}</p>')
        for row in shown:
            if method in row.jobs:
                show_progress(row.jobs[method], row.explanations.get(method), row.title)
            _say_likeness(row, method)
    _offer_files(panels, asked.methods, look, shown, contrastive)


def _choose_rows_and_wipe(able: dict[str, ModelRow]) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="figure-controls"):
        st.slider(
            "Wipe from the picture to the map, %",
            0,
            100,
            step=5,
            width=280,
            help="The map covers this share of the picture, from the left.",
            **state.bound("wipe"),
        )
        if len(able) > 1:
            st.selectbox(
                "Rows",
                [ALL_MODELS, *able],
                format_func=lambda name: able[name].title if name in able else name,
                width=200,
                key=ROWS,
            )


def _say_faults(rows: Sequence[ModelRow], asked: ExplainRequest) -> None:
    for row in rows:
        told = dict.fromkeys(row.fault_of(method) for method in asked.methods)
        for fault in filter(None, told):
            st.warning(quoted(f"{row.title}: {fault}"), icon=":material/block:")


def _say_likeness(row: ModelRow, method: str) -> None:
    label = label_of_row(row)
    text = alike_text(row, method, label, other_class(row, label)) if label is not None else ""
    if text:
        st.html(f'<p class="ll-caption">{escape(text)}</p>')


def label_of_row(row: ModelRow) -> str | None:
    """The class that the figure shows of a model: the one chosen, or the one that it names; None if it has it not."""
    wanted, prediction = state.get("label"), row.answer.prediction
    if wanted == NAMED:
        return prediction.predicted if prediction is not None else None
    classifier = row.answer.entry.classifier
    return wanted if classifier is not None and wanted in classifier.card.classes else None


def panels_of(row: ModelRow, methods: Sequence[str], look: Look, contrastive: bool) -> list[Panel]:
    """One row of the figure: the picture that the model saw, then a panel each method: its map, or why there is none.

    Maps are `contrastive` where a class was chosen to hold them against.
    """
    label, view = label_of_row(row), row.answer.view
    if view is None:
        return []
    first = next(iter(row.explanations.values()))
    found = [Panel(row.title, _probability(row, label), first.view)]
    for method in methods:
        explanation = shown_map(row, method, label, contrastive)
        if explanation is None or label is None:
            found.append(Panel(METHODS[method].title, _no_map(row, method, label, contrastive), None))
            continue
        told = ", ".join(largest_values(explanation, label))
        more = row.jobs[method].going_on if method in row.jobs else False
        foot = f"{told}, still sharpening" if more else told
        found.append(Panel(METHODS[method].title, foot, picture_of(explanation, label, look)))
    return found


def _no_map(row: ModelRow, method: str, label: str | None, contrastive: bool) -> str:
    """Why a row has no map by a method, short enough to stand in the map's place."""
    if label is None:
        return "No map: this model does not know the class."
    told = without_contrast(row, method, label) if contrastive else ""
    return told or ("No map: it could not be computed." if row.fault_of(method) else "No map yet.")


def _probability(row: ModelRow, label: str | None) -> str:
    prediction = row.answer.prediction
    if prediction is None or label is None:
        return "does not know this class"
    share = percent(float(prediction.probabilities[prediction.classes.index(label)]))
    named = f"{label}, {share}{', named' if label == prediction.predicted else ''}"
    other = contrast_of(row, label)
    if not other:
        return named
    return f"{named}; against {other}, {percent(float(prediction.probabilities[prediction.classes.index(other)]))}"


def map_figure(panels: Sequence[Sequence[Panel]], share: float, across: int, zooms: bool) -> go.Figure:
    """All panels, a row `across` px, on axes that zoom together; of a map the left `share` (0 to 1) is shown."""
    columns = max(map(len, panels))
    side = min(LARGEST, max(SMALLEST, across // columns))
    used = min(1.0, columns * (side + GAP) / across)
    step, tools = side + HEAD + FOOT, 0 if zooms else TOOLS
    height = step * len(panels) + tools
    figure = empty_figure(height)
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode="zoom" if zooms else False, uirevision="maps"
    )
    number = 0
    for line, row in enumerate(panels):
        for column, panel in enumerate(row):
            number += 1
            place = "" if number == 1 else str(number)
            top = 1 - (tools + line * step + HEAD) / height
            _place(
                figure,
                place,
                used * column / columns,
                used * (column + 0.97) / columns,
                top - side / height,
                top,
                panel,
                side // LETTER,
            )
            if panel.rgb is None:
                continue
            rgb = panel.rgb if column == 0 or row[0].rgb is None else wiped(row[0].rgb, panel.rgb, share)
            figure.add_layout_image(
                source=picture_address(rgb), x=0, y=0, sizex=1, sizey=1, xref=f"x{place}", yref=f"y{place}"
            )
    return figure


def _place(
    figure: go.Figure, place: str, left: float, right: float, low: float, high: float, panel: Panel, letters: int
) -> None:
    """Give a panel its axes, its title and its foot, `letters` a line in the place of a picture; axes move together."""
    follows = {} if place == "" else {"matches": "x"}
    figure.update_layout(
        {
            f"xaxis{place}": {
                "domain": [left, right],
                "range": [0, 1],
                "visible": False,
                "anchor": f"y{place}",
                **follows,
            },
            f"yaxis{place}": {
                "domain": [low, high],
                "range": [1, 0],
                "visible": False,
                "anchor": f"x{place}",
                "scaleanchor": f"x{place}",
                "constrain": "domain",
                **({} if place == "" else {"matches": "y"}),
            },
        }
    )
    figure.add_scatter(
        x=[0.5], y=[0.5], xaxis=f"x{place}", yaxis=f"y{place}", mode="markers", opacity=0,
        hovertemplate=f"{plain_text(panel.head)}: {plain_text(panel.foot)}<extra></extra>",
    )  # fmt: skip
    lines = [panel.foot] if panel.rgb is not None else textwrap.wrap(panel.foot, letters)
    foot = "<br>".join(plain_text(line) for line in lines)
    foot_at = (low, "top") if panel.rgb is not None else (high, "top")
    for text, y, anchor in ((f"<b>{plain_text(panel.head)}</b>", high, "bottom"), (foot, *foot_at)):
        figure.add_annotation(
            text=text,
            x=left,
            y=y,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor=anchor,
            align="left",
            showarrow=False,
            font={"size": 13},
        )


def wiped(picture: NDArray[np.uint8], drawn: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The left `share` (0 to 1) of a drawn map, the rest of the picture under it, both `(S, S, 3) uint8`."""
    edge = round(share * drawn.shape[1])
    whole = picture.copy()
    whole[:, :edge] = drawn[:, :edge]
    if 0 < edge < drawn.shape[1]:
        whole[:, edge - 1 : edge + 1] = 255
    return whole


def _alt(panels: Sequence[Sequence[Panel]]) -> str:
    return "; ".join(f"{row[0].head}: " + ", ".join(f"{p.head} {p.foot}" for p in row[1:]) for row in panels if row)


def _legend(method: str, look: Look, rows: Sequence[ModelRow], contrastive: bool) -> str:
    kind = METHODS[method]
    against = _named_other(rows)
    if contrastive and no_contrast(kind):
        return f"<strong>{kind.title}</strong>: {no_contrast(kind)}"
    if contrastive and not against:
        return f"<strong>{kind.title}</strong>: no map. In the place of each stands why."
    low, high = _ends(method, look, rows, contrastive)
    colours = look.diverging if kind.signed or contrastive else look.palette
    bordered = look.style(method) == "borders" and _weighs(method, rows)
    return (
        f"<strong>{kind.title}</strong>: from {low} to {high} in the palette {colours}. "
        f"{escape(legend_text(kind, bordered, against))}"
    )


def _named_other(rows: Sequence[ModelRow]) -> str:
    """The class that maps are contrasted with, in words; "" where they are plain."""
    found = {contrast_of(row, label) for row in rows if (label := label_of_row(row)) is not None} - {""}
    return found.pop() if len(found) == 1 else "the other class" if found else ""


def _ends(method: str, look: Look, rows: Sequence[ModelRow], contrastive: bool) -> tuple[str, str]:
    shown = [shown_map(row, method, label_of_row(row), contrastive) for row in rows]
    fine = any(by_pixel(explanation) for explanation in shown if explanation is not None)
    return legend_ends(METHODS[method].signed or contrastive, look.shared, fine)


def _weighs(method: str, rows: Sequence[ModelRow]) -> bool:
    found: list[Explanation] = [row.explanations[method] for row in rows if method in row.explanations]
    return any(explanation.regions is not None for explanation in found)


def _offer_files(
    panels: Sequence[Sequence[Panel]], methods: Sequence[str], look: Look, rows: Sequence[ModelRow], contrastive: bool
) -> None:
    drawn = {panel.head for row in panels for panel in row[1:] if panel.rgb is not None}
    strips = {
        METHODS[m].title: (
            *_ends(m, look, rows, contrastive),
            look.diverging if METHODS[m].signed or contrastive else look.palette,
        )
        for m in methods
        if METHODS[m].title in drawn
    }
    if not strips:
        return
    with st.container(horizontal=True, gap="small"):
        for kind, mime in (("png", "image/png"), ("svg", "image/svg+xml")):
            st.download_button(
                f"Figure as {kind.upper()}",
                lambda kind=kind: figure_file(panels, strips, kind),  # type: ignore[misc]
                f"leukolens-maps.{kind}",
                mime,
                key=f"figure-{kind}",
                icon=":material/download:",
                on_click="ignore",
            )


def figure_file(panels: Sequence[Sequence[Panel]], strips: dict[str, tuple[str, str, str]], kind: str) -> bytes:
    """Return the figure as a file of `kind` "png" or "svg": every panel, and a strip of each method's palette.

    `strips` holds, by method's title, what stands at the palette's two ends, and its name.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns, lines = max(map(len, panels)), len(panels)
    figure = Figure(figsize=(2.3 * columns, 2.8 * lines + 0.45 * len(strips)), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[2.8 * lines, 0.45 * len(strips)])).tolist()
    axes = np.asarray(above.subplots(lines, columns, squeeze=False))
    for line, row in enumerate(panels):
        for column in range(columns):
            axes[line][column].axis("off")
            if column < len(row):
                _print(axes[line][column], row[column])
    for ax, (title, (low, high, colours)) in zip(
        below.subplots(len(strips), 1, squeeze=False)[:, 0], strips.items(), strict=True
    ):
        ax.imshow(palette(colours)[None], aspect="auto", extent=(0, 1, 0, 1))
        ax.set_xlim(0, 4)
        ax.axis("off")
        ax.text(1.05, 0.5, f"{title}: {low} to {high}", fontsize=8, va="center", parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _print(ax: Axes, panel: Panel) -> None:
    """Draw a panel on its axes in a file."""
    foot, low = panel.foot, -0.04
    if panel.rgb is not None:
        ax.imshow(panel.rgb)
    else:
        ax.set_box_aspect(1)
        foot, low = textwrap.fill(foot, PRINTED_LETTERS), 0.96
    ax.set_title(panel.head, fontsize=9, loc="left", parse_math=False)
    ax.text(0, low, foot, fontsize=7, va="top", transform=ax.transAxes, parse_math=False)
