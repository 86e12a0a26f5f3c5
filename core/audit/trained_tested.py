"""Trained here, tested there: what each model of several reports reaches on each set of images, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from core.audit.findings import AuditTable, Finding
from core.audit.report import STYLE
from core.audit.run import AuditReport
from core.audit.steps import with_ends
from core.data.readers import csv_text
from core.errors import InputError
from core.evaluation.intervals import Estimate, undefined
from core.files import write_whole

FIGURES = {"accuracy": "Accuracy", "mean_recall": "Mean recall"}
DIGITS = 8  # of a digest, where it must tell two of one name apart
SUFFIXES = (".html", ".csv")


@dataclass(frozen=True)
class Reached:
    """What one model reaches on one set: figures by name of FIGURES, undefined where a report has none."""

    model: str
    data: str
    images: int
    figures: dict[str, Estimate]


@dataclass(frozen=True)
class TrainedTested:
    """All of them, in the order of the reports; what each model was trained on, in the report's words; and remarks."""

    reached: tuple[Reached, ...]
    trained: dict[str, str]
    notes: tuple[str, ...] = ()

    def tables(self) -> list[AuditTable]:
        """A table a figure: models down, sets across, a dash where a model was not tested."""
        models = list(dict.fromkeys(one.model for one in self.reached))
        sets = list(dict.fromkeys(one.data for one in self.reached))
        found = {(one.model, one.data): one for one in self.reached}
        tables = []
        for figure, title in FIGURES.items():
            rows = tuple((model, *(_cell(found.get((model, name)), figure) for name in sets)) for model in models)
            tables.append(AuditTable(title=title, heads=("model", *sets), rows=rows, note="With 95 % intervals."))
        return tables

    def lines(self) -> list[str]:
        """In words for a terminal: a line a model and set, then what each was trained on."""
        told = [
            f"{one.model} on {one.data} ({one.images:,} images): "
            + ", ".join(f"{title.lower()} {with_ends(one.figures[name])}" for name, title in FIGURES.items())
            for one in self.reached
        ]
        return [*told, *(f"{model}: {words}" for model, words in self.trained.items()), *self.notes]

    def document(self) -> dict[str, Any]:
        """For programs."""
        rows = [
            {"model": one.model, "data": one.data, "images": one.images,
             **{name: found.model_dump(mode="json") for name, found in one.figures.items()}}
            for one in self.reached
        ]  # fmt: skip
        return {"reached": rows, "trained": self.trained, "notes": list(self.notes)}

    def csv(self) -> bytes:
        """As spreadsheets open it: a row a model and set."""
        rows = []
        for one in self.reached:
            row: dict[str, Any] = {"model": one.model, "data": one.data, "images": one.images}
            for name, found in one.figures.items():
                row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            rows.append(row)
        return csv_text(pd.DataFrame(rows)).encode()

    def html(self) -> bytes:
        """As a page that needs nothing else."""
        tables = "".join(map(_table_page, self.tables()))
        trained = "".join(
            f"<p><strong>{escape(name)}.</strong> {escape(told)}</p>" for name, told in self.trained.items()
        )
        notes = "".join(f'<p class="quiet">{escape(note)}</p>' for note in self.notes)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Trained here, tested there</title>'
            f"<style>{STYLE}</style></head><body><h1>Trained here, tested there</h1>{tables}{notes}"
            f"<h2>What each was trained on</h2>{trained}</body></html>"
        ).encode()


def _cell(one: Reached | None, figure: str) -> str:
    return with_ends(one.figures[figure]) if one else "–"


def _table_page(table: AuditTable) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in table.heads)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return (
        f'<h2>{escape(table.title)}</h2><div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        f'</table></div><p class="quiet">{escape(table.note)}</p>'
    )


def trained_and_tested(reports: Sequence[AuditReport]) -> TrainedTested:
    """One table of several reports. Models of one name but other weights, and sets of one title but other images, are
    told apart by the start of their digest; of two reports on the same, the later counts. InputError where no report
    holds figures."""
    models = [(model.name, model.weights_sha256) for report in reports for model in report.models]
    sets = [(report.data, report.data_sha256) for report in reports]
    found: dict[tuple[str, str], Reached] = {}
    trained: dict[str, str] = {}
    notes = []
    for report in reports:
        data = _told_apart(report.data, report.data_sha256, sets)
        for model in report.models:
            name = _told_apart(model.name, model.weights_sha256, models)
            figures = {figure: _figure(report, model.name, figure) for figure in FIGURES}
            if not any(one.defined for one in figures.values()):
                notes.append(f"{name} has no figures on {data}: its report leaves the step `performance` out.")
                continue
            if (name, data) in found:
                notes.append(f"{name} on {data} stands in two reports: the later counts.")
            found[name, data] = Reached(name, data, model.images, figures)
            card = next((one for one in report.findings if one.mark == f"use/{model.name}/card"), None)
            trained[name] = card.sentence if card else trained.get(name, "Its report does not say on what.")
    if not found:
        raise InputError("None of these reports holds an accuracy: audit with the step performance.")
    return TrainedTested(tuple(found.values()), trained, tuple(notes))


def _told_apart(name: str, digest: str, others: Sequence[tuple[str, str]]) -> str:
    several = len({other for called, other in others if called == name}) > 1
    return f"{name} ({digest[:DIGITS]})" if several else name


def _figure(report: AuditReport, model: str, figure: str) -> Estimate:
    """A figure with its interval from the finding, else without one from the measures."""
    finding: Finding | None = next(
        (one for one in report.findings if one.mark == f"performance/{model}/{figure}"), None
    )
    if finding is not None and finding.figure is not None:
        return Estimate(value=finding.figure, low=finding.low, high=finding.high, of=finding.of or 0)
    measured = [one.measures.get(model, {}).get(figure) for one in report.results]
    value = next((one for one in measured if one is not None), None)
    return undefined() if value is None else Estimate(value=value, low=None, high=None, of=0)


def write_trained_tested(found: TrainedTested, out: Path) -> None:
    """Write the table as a page or a CSV, by the file's name; InputError where that says neither, or the disk no."""
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out.name} ends in neither {' nor '.join(SUFFIXES)}.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, found.html() if out.suffix.lower() == ".html" else found.csv())
    except OSError as error:
        raise InputError(f"The table cannot be written to {out}: {error.strerror or error}.") from error
