"""The count of photographs as one page of HTML that opens offline: the photographs with their boxes, the counts with
their intervals, the corrections, and what was compared with annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from core.evaluation.intervals import Estimate
from core.fields.annotations import NO_WHITE_CELL, AnnotatedPhotograph
from core.fields.count import ClassCount
from core.fields.truth import OVERLAP, FieldScore

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1b22; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; } h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .4rem; }
.quiet { color: #55515e; } .wide { overflow-x: auto; } svg { max-width: 100%; height: auto; max-height: 32rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .2rem .8rem .2rem 0; border-top: 1px solid #d9d6df; }
th:first-child, td:first-child { text-align: left; } thead th { border-top: 0; }
@page { size: A4; margin: 14mm; } @media print { body { margin: 0; max-width: none; font-size: 10.5pt; } }
"""
CAUTION = (
    "Not a medical device. Shares are of the white cells found; intervals are Wilson's at 95 %, as if every cell were "
    "drawn by itself. They tell of chance alone: neither of cells that were missed, nor of wrong names."
)


@dataclass(frozen=True)
class ReportPhotograph:
    """A photograph's cells as they were counted, its `picture` as a `data:` address, and how many corrections."""

    annotated: AnnotatedPhotograph
    picture: str
    corrections: int


def field_report_html(
    photographs: Sequence[ReportPhotograph],
    counts: Mapping[str, Sequence[ClassCount]],
    colours: Mapping[str, str],
    made: str,
    score: FieldScore | None = None,
) -> bytes:
    """The page; `counts` by who counted, the first of them first; `colours` of classes as `#rrggbb`, `made` a date."""
    corrections = sum(one.corrections for one in photographs)
    white = sum(box.label != NO_WHITE_CELL for one in photographs for box in one.annotated.boxes)
    parts = [
        "<h1>Differential count</h1>",
        f'<p class="quiet">{white} white cells of {len(photographs)} photographs, {corrections} corrections by hand. '
        f"{escape(made)}, LeukoLens.</p>",
        _counts_table(counts),
        f"<p>{CAUTION}</p>",
        _score_words(score) if score is not None else "",
        *(_photograph(one, colours) for one in photographs),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    title = "<title>Differential count</title>"
    return f'<!doctype html><html lang="en"><head>{head}{title}</head><body>{"".join(parts)}</body></html>\n'.encode()


def count_words(row: ClassCount) -> str:
    """A class's number and share with its interval, in words."""
    return f"{row.number} ({share_words(row.share)})" if row.share.defined else f"{row.number}"


def share_words(found: Estimate) -> str:
    """A share and its interval, in per cent."""
    if found.value is None or found.low is None or found.high is None:
        return "no figure"
    return f"{100 * found.value:.1f} %, {100 * found.low:.1f}–{100 * found.high:.1f}"


def _counts_table(counts: Mapping[str, Sequence[ClassCount]]) -> str:
    labels = list(dict.fromkeys(row.label for rows in counts.values() for row in rows))
    by_label = {who: {row.label: row for row in rows} for who, rows in counts.items()}
    head = "".join(f'<th scope="col">{escape(who)}</th>' for who in counts)
    lines = []
    for label in labels:
        cells = (by_label[who].get(label) for who in counts)
        told = "".join(f"<td>{escape(count_words(row)) if row else '0'}</td>" for row in cells)
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{told}</tr>')
    return (
        f'<div class="wide"><table><thead><tr><th scope="col">class</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _score_words(score: FieldScore) -> str:
    told = f"Recall {share_words(score.recall)}; precision {share_words(score.precision)}"
    named = f"; named as annotated {share_words(score.right)} of {score.right.of}" if score.right.of else ""
    return f"<h2>Against annotations</h2><p>At an overlap of {OVERLAP:g}: {told}{named}.</p>"


def _photograph(one: ReportPhotograph, colours: Mapping[str, str]) -> str:
    photograph = one.annotated
    width, height = photograph.width, photograph.height
    thick, type_size = max(1.0, width / 500), max(9.0, width / 60)
    marks = []
    for box in photograph.boxes:
        left, top, right, bottom = box.box
        colour = colours.get(box.label, "#7a7683")
        dashes = f' stroke-dasharray="{3 * thick:.0f}"' if box.label == NO_WHITE_CELL else ""
        told = escape(f"{box.number} {box.label}")
        marks.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="{colour}" '
            f'stroke-width="{thick:.1f}"{dashes}/><text x="{left}" y="{max(type_size, top - thick):.0f}" '
            f'font-size="{type_size:.0f}" fill="#1d1b22" stroke="#fff" stroke-width="{thick:.1f}" '
            f'paint-order="stroke">{told}</text>'
        )
    return (
        f"<h2>{escape(photograph.name)}</h2>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(photograph.name)} with numbered cells">'
        f'<image href="{escape(one.picture)}" width="{width}" height="{height}"/>{"".join(marks)}</svg>'
    )
