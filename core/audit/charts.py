"""An audit's charts and heat maps as pictures for the report, which opens offline and prints."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from core.audit.findings import AuditChart, AuditPicture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#5b3f8c", "#c2571a", "#147c71", "#8c6d00", "#1f5fa8", "#85818e")  # told apart by colour-blind people
MARKS = ("o", "s", "^", "D", "v", "P")
INCHES = (6.4, 3.6)
DPI = 144
DASHES = ("-", "--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))
MARKED = 20  # points of each line of a chart that has marks there; lines of more differ by dashes
PANEL = 1.6  # inches of a heat map's side
HEAT = "magma_r"  # pale where there is nothing; its lightness falls steadily, so that it prints in grey too


def chart_html(chart: AuditChart) -> str:
    """The chart as a figure of the report's page, the picture inside; what it shows stands in words beside it."""
    return _figure_html(chart_png(chart), chart_words(chart), chart.title, chart.note)


def picture_html(picture: AuditPicture) -> str:
    """The heat maps as a figure of the report's page, and below it in words where each lies."""
    note = f"{picture.text} {picture.note}".strip()
    return _figure_html(heat_png(picture), picture.text, picture.title, note)


def _figure_html(png: bytes, words: str, title: str, note: str) -> str:
    data = base64.b64encode(png).decode()
    told = f" {escape(note)}" if note else ""
    return (
        f'<figure><img alt="{escape(words, quote=True)}" src="data:image/png;base64,{data}">'
        f"<figcaption><strong>{escape(title)}.</strong>{told}</figcaption></figure>"
    )


def heat_png(picture: AuditPicture) -> bytes:
    """The heat maps as a PNG, PANEL inches each, in a width of INCHES or more."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(picture.panels)
    width = max(INCHES[0], PANEL * count)
    figure = Figure(figsize=(width, PANEL + 0.4), dpi=DPI)
    FigureCanvasAgg(figure)
    for number, panel in enumerate(picture.panels):
        axes = figure.add_axes((number * PANEL / width, 0.02, (PANEL - 0.1) / width, (PANEL - 0.1) / (PANEL + 0.4)))
        axes.imshow(panel.values, cmap=HEAT, vmin=0, vmax=max(map(max, panel.values)) or 1.0, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(panel.name, fontsize=9, loc="left").set_parse_math(False)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def chart_png(chart: AuditChart) -> bytes:
    """The chart as a PNG of INCHES; lines differ by colour, and by mark or dash."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], color="#b9b5c2", linewidth=1)
    for number, line in enumerate(chart.lines):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        own: Any = {"linestyle": DASHES[number % len(DASHES)]}
        if has_marks(chart):
            own = {"marker": mark, "linestyle": DASHES[number // len(COLOURS) % len(DASHES)]}
        axes.plot(line.x, line.y, color=colour, label=line.name, linewidth=1.6, markersize=4, **own)
    axes.set_xlabel(chart.x_title).set_parse_math(False)
    axes.set_ylabel(chart.y_title).set_parse_math(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e3ea", linewidth=0.6)
    axes.set_axisbelow(True)
    if chart.lines:
        for text in axes.legend(frameon=False, fontsize=9).get_texts():
            text.set_parse_math(False)  # a model's name is no formula
    return _png(figure)


def has_marks(chart: AuditChart) -> bool:
    """Whether the lines have so few points that each has its mark."""
    return all(len(line.x) <= MARKED for line in chart.lines)


def chart_words(chart: AuditChart) -> str:
    """What a reader who does not see the chart is told: axes, and where each line begins and ends."""
    ends = "; ".join(f"{line.name} from {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in chart.lines if line.y)
    return f"{chart.y_title} against {chart.x_title}: {ends}."
