"""The report of a session: its figures as tables, as CSV and JSON files, and as one HTML page that opens offline."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from core.evaluation.intervals import Estimate
from core.teaching.agreement import Coefficient
from core.teaching.ballots import SURENESS, Ballots, Participant, Vote
from core.teaching.deck import DeckCell
from core.teaching.statistics import CellFigures, SessionData, SessionFigures, most_disputed, session_figures
from core.teaching.store import ClassSession, ClassStore, ModelAnswer

ROUND_NAMES = {1: "before", 2: "after"}
NOTHING = "–"
INDEPENDENT = (
    "Intervals of shares are Wilson's at 95 %, as if every vote were independent; votes of one student and on one cell "
    "are not, so that the true intervals are wider. Those of coefficients come from drawing whole cells anew. Where "
    "others voted again on a cell, the first vote of those who did not stands after the models, too."
)
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1b22; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; break-after: avoid; }
.quiet { color: #55515e; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; margin: .2rem 0 .4rem; }
th, td { text-align: right; padding: .2rem .8rem .2rem 0; border-top: 1px solid #d9d6df; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } thead th { border-top: 0; font-weight: 600; }
img { width: 72px; height: 72px; object-fit: cover; border-radius: 4px; }
@page { size: A4; margin: 16mm; } @media print { body { margin: 0; max-width: none; font-size: 10.5pt; } }
"""
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""Title, heads and rows, as words."""


@dataclass(frozen=True)
class ClassReport:
    """All that a report says: the session, its figures, who took part, every vote, and the cells with their pictures.

    `titles` are the models' titles by name; `people` have numbers in place of nicknames where names were left out.
    """

    session: ClassSession
    figures: SessionFigures
    people: tuple[Participant, ...]
    votes: tuple[Vote, ...]
    cells: tuple[DeckCell, ...]
    titles: dict[str, str]
    made: str


def class_report(store: ClassStore, session: ClassSession, names: bool, moment: float | None = None) -> ClassReport:
    """Gather a session's report; without `names`, students go by their numbers.

    Only cells that were voted on count, so that a session that ended early is reported as far as it went.
    """
    ballots = Ballots(store)
    people, votes = ballots.participants(session.code), ballots.votes(session.code)
    said, labels = store.answers(session.code), store.labels(session.code)
    answers = {name: [_label(said.get(place, []), name) for place in range(session.cells)] for name in _models(said)}
    seen = {vote.position for vote in votes}
    labels = [label if place in seen else None for place, label in enumerate(labels)]
    data = SessionData.of(votes, labels, answers, len(people), session.classes)
    when = datetime.now(UTC) if moment is None else datetime.fromtimestamp(moment, UTC)
    return ClassReport(
        session=session,
        figures=session_figures(data),
        people=tuple(
            one if names else Participant("", one.number, f"Student {one.number}") for one in people
        ),
        votes=tuple(votes),
        cells=tuple(store.cell(session.code, place) for place in range(session.cells)),
        titles={one.model: one.title for given in said.values() for one in given},
        made=when.strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip


def _models(said: dict[int, list[ModelAnswer]]) -> list[str]:
    return list(dict.fromkeys(one.model for answers in said.values() for one in answers))


def _label(answers: Sequence[ModelAnswer], model: str) -> str | None:
    return next((one.label or None for one in answers if one.model == model), None)


def report_tables(report: ClassReport) -> list[Table]:
    """The figures as tables of words."""
    figures = report.figures
    return [
        ("Right votes, by class", ("class", "before", "votes", "after", "votes"),
         [(one.label or "all", share_words(one.before), str(one.before.of), share_words(one.after), str(one.after.of))
          for one in figures.accuracy]),
        ("Reliance on the models", ("model", "right", "pulled right votes over", "helped wrong votes"),
         [(report.titles.get(one.model, one.model), share_words(one.right), _of(one.pulled_over), _of(one.helped))
          for one in figures.reliance]),
        ("Agreement", ("between", *(ROUND_NAMES[one.round] for one in figures.agreement)), _agreement_rows(report)),
        ("Cell by cell", _CELL_HEADS, [_cell_row(cell, report) for cell in figures.cells]),
    ]  # fmt: skip


_CELL_HEADS = (
    "cell", "truth", "most votes before", "most votes after", "right before", "right after", "discrimination",
    "pairs that differ", "changed", "to right", "from right", "first vote stood",
)  # fmt: skip


def _cell_row(cell: CellFigures, report: ClassReport) -> tuple[str, ...]:
    return (
        str(cell.position + 1), report.cells[cell.position].label or "not known",
        cell.consensus[0] or NOTHING, cell.consensus[1] or NOTHING,
        share_words(cell.right[0]), share_words(cell.right[1]), _number(cell.discrimination),
        NOTHING if cell.disagreement is None else f"{100 * cell.disagreement:.0f} %",
        str(cell.changed), str(cell.better), str(cell.worse), str(cell.carried),
    )  # fmt: skip


def _agreement_rows(report: ClassReport) -> list[tuple[str, ...]]:
    rounds = report.figures.agreement
    rows = [
        ("students, Fleiss' kappa", *(coefficient_words(one.fleiss) for one in rounds)),
        ("students, Krippendorff's alpha", *(coefficient_words(one.krippendorff) for one in rounds)),
        ("votes and truth, Cohen's kappa", *(coefficient_words(one.truth) for one in rounds)),
    ]
    for name in rounds[0].models if rounds else ():
        title = report.titles.get(name, name)
        rows.append((f"votes and {title}, Cohen's kappa", *(coefficient_words(one.models[name]) for one in rounds)))
    return rows


def share_words(estimate: Estimate) -> str:
    """A share in per cent with its interval; a dash where there is none."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})"


def _of(estimate: Estimate) -> str:
    return f"{share_words(estimate)} of {estimate.of}" if estimate.of else NOTHING


def coefficient_words(found: Coefficient) -> str:
    """A coefficient with its interval; a dash where it is not defined."""
    if found.value is None:
        return NOTHING
    ends = "" if found.low is None or found.high is None else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.value:.2f}{ends}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def votes_csv(report: ClassReport) -> str:
    """Every vote as a row of a CSV table."""
    stream, names = io.StringIO(), {one.number: one.nickname for one in report.people}
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["student", "nickname", "cell", "truth", "round", "vote", "sureness", "right"])
    for vote in report.votes:
        truth = report.cells[vote.position].label or ""
        right = "" if not truth else int(vote.label == truth)
        row = [vote.number, _safe(names.get(vote.number, "")), vote.position + 1, _safe(truth), ROUND_NAMES[vote.round]]
        writer.writerow([*row, _safe(vote.label), SURENESS[vote.sureness], right])
    return stream.getvalue()


def _safe(text: str) -> str:
    """Foreign text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def class_report_json(report: ClassReport) -> str:
    """The whole report but for the pictures."""
    session = report.session
    names = {one.number: one.nickname for one in report.people}
    found = {
        "format": 1,
        "title": session.title,
        "made": report.made,
        "cells": session.cells,
        "models": report.titles,
        "methods": list(session.settings.methods),
        "people": [{"number": number, "nickname": name} for number, name in names.items()],
        "votes": [
            {"student": one.number, "cell": one.position + 1, "round": ROUND_NAMES[one.round], "class": one.label,
             "sureness": SURENESS[one.sureness]}
            for one in report.votes
        ],
        "figures": report.figures.model_dump(mode="json"),
    }  # fmt: skip
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def report_html(report: ClassReport) -> str:
    """The whole report as one page that needs nothing else."""
    session, figures = report.session, report.figures
    disputed = ", ".join(str(cell.position + 1) for cell in most_disputed(figures)[:3])
    told = f"<p>The cells with most disagreement: {disputed}.</p>" if disputed else ""
    tables = "".join(_html_table(*table) for table in report_tables(report))
    head = (
        f"<h1>{escape(session.title)}</h1><p>{figures.people} took part, {session.cells} cells, "
        f"{len([one for one in report.votes if one.round == 1])} first votes. Report made {escape(report.made)} by "
        f"LeukoLens. Not a medical device.</p>{told}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(session.title)}</title><style>{STYLE}</style></head><body>{head}{tables}"
        f'<p class="quiet">{escape(INDEPENDENT)}</p>{_pictures(report)}{_people(report)}</body></html>'
    )


def _html_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<h2>{escape(title)}</h2><div class="wide">{table}</div>'


def _pictures(report: ClassReport) -> str:
    rows = []
    for cell, figures in zip(report.cells, report.figures.cells, strict=True):
        data = base64.b64encode(cell.png).decode()
        votes = ["; ".join(f"{name} {count}" for name, count in found.items() if count) for found in figures.votes]
        said = "; ".join(f"{report.titles.get(name, name)}: {label}" for name, label in figures.models.items())
        cells = (cell.label or "not known", votes[0] or NOTHING, votes[1] or NOTHING, said or NOTHING)
        picture = f'<td>{figures.position + 1}<br><img alt="Cell {figures.position + 1}" '
        picture += f'src="data:image/png;base64,{data}"></td>'
        rows.append(f"<tr>{picture}{''.join(f'<td>{escape(one)}</td>' for one in cells)}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("cell", "truth", "votes before", "votes after", "models"))
    return (
        f'<h2>The cells</h2><div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def _people(report: ClassReport) -> str:
    """Each student's right votes; those who never voted too."""
    rows = []
    for one in report.people:
        own = [vote for vote in report.votes if vote.number == one.number]
        told = [str(len([vote for vote in own if vote.round == number])) for number in ROUND_NAMES]
        right = [
            str(len([v for v in own if v.round == number and v.label == report.cells[v.position].label]))
            for number in ROUND_NAMES
        ]
        rows.append((one.nickname, told[0], right[0], told[1], right[1]))
    heads = ("student", "first votes", "right", "votes after the models", "right")
    return _html_table("The students", heads, rows)
