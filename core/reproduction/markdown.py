"""The reproduction table as the README shows it."""

from __future__ import annotations

from core.evaluation.estimate import Estimate
from core.papers import PAPERS
from core.reproduction.table import Row, Table

HEAD = (
    "| model | split of the images | test n | accuracy (95 % interval) | published | precision / sensitivity / F1 "
    "| AUC | input, epochs | time |\n|---|---|---|---|---|---|---|---|---|"
)


def markdown(table: Table) -> str:
    """One table a paper, and below them the commands that made the rows; a sentence where there are none."""
    parts = []
    for name in (*PAPERS, "leukolens"):
        rows = table.of(name)
        if rows:
            title = PAPERS[name].authors if name in PAPERS else "Our own recipe"
            data = sorted({row.data for row in rows})
            parts.append("\n".join([f"**{title}**, on {'; '.join(data)}", "", HEAD, *(_line(row) for row in rows)]))
    if not parts:
        return "No run has been entered yet: `python -m benchmarks reproduction RUN_DIR…`."
    commands = [f"{row.command}  # {row.run}" for row in table.rows]
    return "\n\n".join([*parts, "\n".join(["```", *commands, "```"])])


def _line(row: Row) -> str:
    note = f" ({row.note})" if row.note else ""
    means = " / ".join(percent(one.value) for one in (row.precision, row.sensitivity, row.f1))
    cells = (
        f"{row.title}, weights: {row.weights}{note}",
        row.protocol,
        f"{row.images:,}",
        interval(row.accuracy),
        percent(row.published),
        means,
        "–" if row.auc.value is None else f"{row.auc.value:.4f}",
        f"{row.input_size} px, {row.epochs}",
        f"{minutes(row.seconds)}, {row.processor}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def percent(value: float | None) -> str:
    """A share as a percentage with two digits behind the point; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.2f} %"


def interval(estimate: Estimate) -> str:
    """A share with its interval."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "–"
    return f"{percent(estimate.value)} ({100 * estimate.low:.2f} to {100 * estimate.high:.2f})"


def minutes(seconds: float) -> str:
    """A training's time in minutes or hours."""
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
