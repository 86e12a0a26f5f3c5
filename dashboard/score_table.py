"""A map's scores as a table: beside each the same score of the control maps, below it what it says."""

from __future__ import annotations

from html import escape

from core.explanation.worth.scores import SCORES
from core.explanation.worth.worth import ScoreRow, Worth

CONTROLS = {"random": "Random", "edges": "Edges", "centre": "Centre"}
BETTER = {"higher": "higher is better", "lower": "lower is better", "": "neither way is better"}


def score_table(worth: Worth) -> str:
    """Return HTML: two lines a score, its figures and its sentence."""
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("This map", *CONTROLS.values()))
    rows = "".join(_row(row) for row in worth.rows)
    label = f"Scores of {escape(worth.method)} for {escape(worth.label)}, beside those of three control maps"
    return (
        f'<div class="ll-wide"><table class="ll-scores" aria-label="{label}"><thead><tr><th scope="col">Score</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def glossary() -> str:
    """Return every score's meaning and source as Markdown."""
    controls = (
        "Controls: **random** is noise, **edges** marks wherever the picture changes, **centre** is a blob in the "
        "middle, where the cell nearly always is. A map that scores no better says no more than they do."
    )
    return "\n".join([controls, "", *(f"- **{one.title}**: {one.help} ({one.paper}.)" for one in SCORES.values())])


def _row(row: ScoreRow) -> str:
    kind = SCORES[row.score]
    figures = "".join(f"<td>{_figure(row.controls.get(name))}</td>" for name in CONTROLS)
    return (
        f'<tr><th scope="row" title="{escape(kind.help)}">{escape(kind.title)} '
        f'<span class="ll-quiet">{BETTER[kind.better]}</span></th>'
        f"<td><strong>{_figure(row.value)}</strong></td>{figures}</tr>"
        f'<tr class="ll-said"><td colspan="{2 + len(CONTROLS)}">{escape(row.sentence)}</td></tr>'
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
