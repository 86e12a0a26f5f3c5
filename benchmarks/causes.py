"""`python -m benchmarks causes`: which explanation method's shares of evidence foretell what taking a part of a drawn
cell away does to the answer. Cells that were measured are kept in a file, from which the next run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.generated import RESULTS, write_made_part
from core.classes import CLASSES
from core.cli.common import AsJson, Checkpoints, Stop, emit, reports_bad_input, say, stoppable
from core.errors import InputError
from core.explanation.methods.registry import METHODS, method
from core.explanation.quality.control_maps import CONTROLS
from core.laboratory.causes import RANKED, MeanAgreement, PartCauses, causes_of, mean_agreement
from core.laboratory.interventions import REMOVALS
from core.models.checkpoints import available, default_root, find, load_classifier
from core.models.classifier import Classifier
from core.simulation import design_of

PAGE = RESULTS / "causes.md"
KEPT = Path("out") / "causes.jsonl"
FIRST_SEED = 20_000  # cells that neither the gallery nor any training draws
NONE = "–"


@dataclass(frozen=True)
class CauseRow:
    """One measured cell: which model (name and the weights' hash), class drawn, seed and budget; and what was found."""

    model: str
    weights: str
    drawn: str
    seed: int
    budget: int
    causes: PartCauses

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What tells one measurement from another."""
        return self.model, self.weights, self.drawn, self.seed, self.budget


@reports_bad_input
def causes(
    models: Annotated[list[str] | None, typer.Option("--models", help="Name or folder; repeat. Default: all.")] = None,
    methods: Annotated[
        list[str] | None, typer.Option("--methods", help="A method; repeat. Default: all that know a class.")
    ] = None,
    cells: Annotated[int, typer.Option("--cells", min=1, max=10_000, help="Drawn cells a class.")] = 50,
    budget: Annotated[int, typer.Option("--budget", min=0, help="Evaluations a map. Default: the methods' own.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Where measured cells are kept; a second run goes on.")] = KEPT,
    checkpoints: Checkpoints = None,
    write: Annotated[bool, typer.Option("--write", help="Bring docs/results/causes.md up to date.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take drawn cells apart, and compare what each part did to the answer with each method's evidence on it."""
    named = tuple(dict.fromkeys(method(name).name for name in methods or RANKED))
    if other := [METHODS[name].title for name in named if name not in RANKED]:
        raise InputError(f"{', '.join(other)} knows no class: it cannot be ranked against what a class lost.")
    places = [find(name, checkpoints) for name in models or available(checkpoints or default_root())]
    if not places:
        raise InputError("There is no model folder. Name another place with --checkpoints.")
    rows = read_rows(out)
    chosen: list[CauseRow] = []
    with stoppable() as stop:
        for place in places:
            classifier = load_classifier(place)
            chosen += measure_model(classifier, named, cells, budget, rows, out, stop)
    text = markdown(chosen, named)
    if write and not stop.asked:
        write_made_part(PAGE, "causes", text)
    emit(document(chosen, named), [text], as_json)


def measure_model(
    classifier: Classifier,
    methods: Sequence[str],
    cells: int,
    budget: int,
    rows: dict[tuple[str, str, str, int, int], CauseRow],
    out: Path,
    stop: Stop,
) -> list[CauseRow]:
    """Every cell of one model: as kept in `rows` where it has all `methods`, else measured, and added to `out`."""
    found = []
    whole = len(CLASSES)  # each cell has a seed, and so a random map, of its own
    orders = [(CLASSES[number % whole], FIRST_SEED + number) for number in range(cells * whole)]
    for number, (label, seed) in enumerate(orders, start=1):
        if stop.asked:
            break
        key = (classifier.name, classifier.weights_sha256, label, seed, budget)
        kept = rows.get(key)
        missing = [name for name in methods if kept is None or name not in kept.causes.shares]
        if kept is None or missing:
            causes = causes_of(classifier, design_of(label), seed, missing, _settings(missing, budget))
            shares = {**(kept.causes.shares if kept else {}), **causes.shares}
            kept = CauseRow(*key, PartCauses(causes.label, causes.parts, causes.effects, causes.areas, shares))
            add_row(out, kept)
            say(f"{classifier.name}: cell {number} of {len(orders)}")
        found.append(kept)
    return found


def _settings(methods: Iterable[str], budget: int) -> dict[str, dict[str, int]]:
    """The budget for those methods that have one, within what each takes."""
    found = {}
    for name in methods if budget else ():
        field = METHODS[name].budget
        if field is not None:
            found[name] = {field.name: int(np.clip(budget, field.low or 1, field.high or budget))}
    return found


def read_rows(path: Path) -> dict[tuple[str, str, str, int, int], CauseRow]:
    """The cells kept in a file, the last of each key, less a last line cut short; InputError for another file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    found = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = _row(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            if number == len(lines):
                continue
            raise InputError(f"{path}, line {number}, is no measured cell. Name another file with --out.") from None
        found[row.key] = row
    return found


def _row(entry: dict[str, Any]) -> CauseRow:
    shares = {name: None if part is None else tuple(part) for name, part in entry["shares"].items()}
    found = PartCauses(entry["named"], tuple(entry["parts"]), tuple(entry["effects"]), tuple(entry["areas"]), shares)
    return CauseRow(entry["model"], entry["weights"], entry["drawn"], entry["seed"], entry["budget"], found)


def add_row(path: Path, row: CauseRow) -> None:
    """Add a line to the file; what a killed run left half written is ended first."""
    one = row.causes
    entry = {
        "model": row.model, "weights": row.weights, "drawn": row.drawn, "seed": row.seed, "budget": row.budget,
        "named": one.label, "parts": one.parts, "effects": one.effects, "areas": one.areas, "shares": dict(one.shares),
    }  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = kept if kept.endswith("\n") or not kept else kept[: kept.rfind("\n") + 1]
        if whole != kept:
            path.write_text(whole, encoding="utf-8")
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def agreements(
    rows: Sequence[CauseRow], methods: Sequence[str], per_area: bool
) -> Iterator[tuple[str, str, MeanAgreement]]:
    """(method or control, model, mean rank correlation with its interval), of shares or of shares per area."""
    for name in (*methods, *CONTROLS):
        for model in dict.fromkeys(row.model for row in rows):
            yield (
                name,
                model,
                mean_agreement([row.causes.agreement(name, per_area) for row in rows if row.model == model]),
            )


def document(rows: Sequence[CauseRow], methods: Sequence[str]) -> list[dict[str, Any]]:
    """The tables as JSON has them."""
    return [
        {"method": name, "model": model, "of": "share per area" if per_area else "share",
         "rank_correlation": mean.value, "low": mean.low, "high": mean.high,
         "cells": mean.cells, "left_out": mean.left_out}
        for per_area in (False, True)
        for name, model, mean in agreements(rows, methods, per_area)
    ]  # fmt: skip


def markdown(rows: Sequence[CauseRow], methods: Sequence[str]) -> str:
    """The tables: rank correlation of each method and control by model, and what taking each part away did."""
    models = tuple(dict.fromkeys(row.model for row in rows))
    counts = ", ".join(f"{sum(row.model == model for row in rows):,} of {model}" for model in models)
    budgets = sorted({row.budget for row in rows})
    told = "the methods' own budgets" if budgets == [0] else f"{', '.join(map(str, budgets))} evaluations a map"
    lines = [
        f"Mean rank correlation (95 % bootstrap interval) over drawn cells: {counts}; {told}.",
        "",
        *("**Effects against shares of evidence**", "", *_agreement_table(rows, models, methods, False), ""),
        *("**Effects against shares per area**", "", *_agreement_table(rows, models, methods, True), ""),
        "What taking a part away took from the probability of the class named, mean over cells in which it is:",
        "",
        _line(("part", *models)),
        _line(["---"] * (1 + len(models))),
        *(_line((what.title.lower(), *(_effect(rows, model, part) for model in models)))
          for part, what in REMOVALS.items()),
    ]  # fmt: skip
    return "\n".join(lines)


def _agreement_table(
    rows: Sequence[CauseRow], models: Sequence[str], methods: Sequence[str], per_area: bool
) -> list[str]:
    found = {(name, model): mean for name, model, mean in agreements(rows, methods, per_area)}
    titles = {**{name: METHODS[name].title for name in methods}, **CONTROLS}
    body = [_line((title, *(_told(found[name, model]) for model in models))) for name, title in titles.items()]
    return [_line(("method", *models)), _line(["---"] * (1 + len(models))), *body]


def _effect(rows: Sequence[CauseRow], model: str, part: str) -> str:
    values = [row.causes.effects[row.causes.parts.index(part)]
              for row in rows if row.model == model and part in row.causes.parts]  # fmt: skip
    return f"{100 * np.mean(values):+.1f} points ({len(values):,})" if values else NONE


def _told(mean: MeanAgreement) -> str:
    if mean.value is None:
        return NONE
    ends = "" if mean.low is None else f" ({mean.low:.2f} to {mean.high:.2f})"
    return f"{mean.value:.2f}{ends}" + (f", {mean.left_out} left out" if mean.left_out else "")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
