"""An audit's charts as pictures for the report, which opens offline and prints."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO

from core.audit.findings import AuditChart

COLOURS = ("#5b3f8c", "#c2571a", "#147c71", "#8c6d00", "#1f5fa8", "#85818e")  # told apart by colour-blind people
MARKS = ("o", "s", "^", "D", "v", "P")
INCHES = (6.4, 3.6)
DPI = 144


def chart_html(chart: AuditChart) -> str:
    """The chart as a figure of the report's page, the picture inside; what it shows stands in words beside it."""
    data = base64.b64encode(chart_png(chart)).decode()
    note = f" {escape(chart.note)}" if chart.note else ""
    return (
        f'<figure><img alt="{escape(chart_words(chart), quote=True)}" src="data:image/png;base64,{data}">'
        f"<figcaption><strong>{escape(chart.title)}.</strong>{note}</figcaption></figure>"
    )


def chart_png(chart: AuditChart) -> bytes:
    """The chart as a PNG of INCHES; lines differ by colour and by mark."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], color="#b9b5c2", linewidth=1)
    for number, line in enumerate(chart.lines):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        axes.plot(line.x, line.y, color=colour, marker=mark, label=line.name, linewidth=1.6, markersize=4)
    axes.set_xlabel(chart.x_title)
    axes.set_ylabel(chart.y_title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e3ea", linewidth=0.6)
    axes.set_axisbelow(True)
    if chart.lines:
        for text in axes.legend(frameon=False, fontsize=9).get_texts():
            text.set_parse_math(False)  # a model's name is no formula
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def chart_words(chart: AuditChart) -> str:
    """What a reader who does not see the chart is told: axes, and where each line begins and ends."""
    ends = "; ".join(f"{line.name} from {line.y[0]:.2f} to {line.y[-1]:.2f}" for line in chart.lines if line.y)
    return f"{chart.y_title} against {chart.x_title}: {ends}."
