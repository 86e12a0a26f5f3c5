"""What an audit finds: a finding with its status, figure and interval, and conditions that a pipeline can ask for."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import InputError
from core.evaluation.intervals import Estimate

Status = Literal["passed", "failed", "information", "not run"]
Decision = Literal["accepted", "flagged", "set aside"]
Standing = Literal["diagnostic", "reviewed", "released"]
STEPS = (
    "use",
    "data",
    "performance",
    "subgroups",
    "between",
    "calibration",
    "operating",
    "shift",
    "looks",
    "shortcuts",
    "unfamiliar",
    "explanations",
)
STEP_TITLES = {
    "use": "Intended use",
    "data": "Data",
    "performance": "Performance",
    "subgroups": "Subgroups",
    "between": "Between models",
    "calibration": "Calibration",
    "operating": "Operating point",
    "shift": "Other light, focus and stain",
    "looks": "Looks where it should?",
    "shortcuts": "Shortcuts in the pictures",
    "unfamiliar": "Not a cell of ours",
    "explanations": "Explanations",
}
MOST_CELLS = 64  # along a side of a heat map
SIGNS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}
CONDITION = re.compile(r"\s*([a-z_]{2,40})\s*(>=|<=)\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*", re.IGNORECASE)
MEASURES = (
    "accuracy",
    "mean_recall",
    "lowest_recall",
    "ece",
    "brier",
    "log_loss",
    "unfamiliar",
    "shortcut_auc",
    "coverage",
    "shift_accuracy",
    "surroundings_accuracy",
)
"""What a condition may be about: figures that are measured for every model, `shortcut_auc` for the data."""


LONGEST = 300  # letters of a name
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class Strict(BaseModel):
    """Base of everything in a report: read-only, nothing unknown, no number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Finding(Strict):
    """One thing that was found: what was looked at, whether a condition holds, and in plain words what that means.

    `figure` stands with its 95 % interval where it has one. `model` is "" for a finding about the data.
    """

    step: str
    key: str
    title: str
    status: Status
    sentence: str
    model: str = Field(default="", max_length=LONGEST)
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    of: int | None = None
    condition: str = ""

    @property
    def mark(self) -> str:
        """What tells this finding from all others of a report."""
        return f"{self.step}/{self.model}/{self.key}"


class Remark(Strict):
    """What an auditor says to a finding, named by `mark`: a decision ("" for none) and words; who, and when (UTC)."""

    mark: str
    decision: Decision | Literal[""] = ""
    words: str = Field(default="", max_length=2000)
    who: str = Field(default="", max_length=200)
    when: str = Field(default="", max_length=40)


class AuditTable(Strict):
    """A table of the report: heads, and rows of text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @model_validator(mode="after")
    def _rectangular(self) -> AuditTable:
        if any(len(row) != len(self.heads) for row in self.rows):
            raise ValueError("a row has more or fewer cells than there are heads")
        return self


class AuditLine(Strict):
    """A line of a chart: its name, and its points."""

    name: str = Field(max_length=LONGEST)
    x: tuple[Number, ...]
    y: tuple[Number, ...]

    @model_validator(mode="after")
    def _paired(self) -> AuditLine:
        if len(self.x) != len(self.y):
            raise ValueError("a line has as many x as y")
        return self


class AuditChart(Strict):
    """A chart of the report: what lies along its axes, and its lines; `diagonal` draws where y equals x, and
    `diagonal_name` says what that is.
    """

    title: str
    x_title: str
    y_title: str
    lines: tuple[AuditLine, ...]
    diagonal: bool = False
    diagonal_name: str = "as sure as right"
    note: str = ""


class AuditPanel(Strict):
    """One heat map: its name, its grid of values from 0 (rows from the top), and in words where they lie."""

    name: str
    values: tuple[tuple[Annotated[float, Field(ge=0)], ...], ...] = Field(min_length=1, max_length=MOST_CELLS)
    words: str

    @model_validator(mode="after")
    def _rectangular(self) -> AuditPanel:
        if not 0 < len(self.values[0]) <= MOST_CELLS or any(len(row) != len(self.values[0]) for row in self.values):
            raise ValueError(f"the rows of a heat map are as long as each other, 1 to {MOST_CELLS}")
        return self


class AuditPicture(Strict):
    """Heat maps of the report side by side, each scaled by its own largest value."""

    title: str
    panels: tuple[AuditPanel, ...] = Field(min_length=1, max_length=8)
    note: str = ""

    @property
    def text(self) -> str:
        """What a reader who does not see the maps is told."""
        return "; ".join(f"{panel.name}: {panel.words}" for panel in self.panels) + "."


class StepResult(Strict):
    """What one step found; `measures` are its figures by model ("" for the data) and name, for conditions."""

    step: str
    findings: tuple[Finding, ...] = ()
    tables: tuple[AuditTable, ...] = ()
    charts: tuple[AuditChart, ...] = ()
    pictures: tuple[AuditPicture, ...] = ()
    measures: dict[str, dict[str, float]] = Field(default_factory=dict)


class Condition(Strict):
    """A limit that a pipeline asks for, such as accuracy>=0.97."""

    measure: str
    sign: Literal[">=", "<="]
    limit: float

    @property
    def text(self) -> str:
        """As it is written."""
        return f"{self.measure}{self.sign}{self.limit:g}"

    def holds(self, value: float) -> bool:
        """Whether a figure keeps the limit."""
        return SIGNS[self.sign](value, self.limit)


def read_condition(text: str) -> Condition:
    """A condition from the command line; InputError where it is none, or about nothing that is measured."""
    found = CONDITION.fullmatch(text)
    if not found or not math.isfinite(float(found[3])):
        raise InputError(f"--require {text[:60]!r} is no condition. Write it as accuracy>=0.97 or ece<=0.03.")
    if found[1].lower() not in MEASURES:
        raise InputError(f"--require: no figure is called {found[1]!r}. Known: {', '.join(MEASURES)}.")
    return Condition(measure=found[1].lower(), sign=found[2], limit=float(found[3]))  # type: ignore[arg-type]


def checked_conditions(conditions: Sequence[Condition], results: Sequence[StepResult]) -> list[Finding]:
    """A finding for each condition and model (or the data): passed, failed, or not run where nothing was measured."""
    measured: dict[str, dict[str, float]] = {}
    for result in results:
        for model, figures in result.measures.items():
            measured.setdefault(model, {}).update(figures)
    found = []
    for condition in conditions:
        values = {
            model: figures[condition.measure] for model, figures in measured.items() if condition.measure in figures
        }
        found += [_judged(condition, model, value) for model, value in values.items()] or [_not_measured(condition)]
    return found


def _judged(condition: Condition, model: str, value: float) -> Finding:
    holds = condition.holds(value)
    whose = f"{model}: " if model else ""
    return Finding(
        step="conditions",
        key=f"{condition.text} {model}".strip(),
        title=condition.text,
        status="passed" if holds else "failed",
        sentence=f"{whose}{condition.measure} is {value:.4g}; asked for is {condition.text}.",
        model=model,
        figure=value,
        condition=condition.text,
    )


def _not_measured(condition: Condition) -> Finding:
    return Finding(
        step="conditions",
        key=condition.text,
        title=condition.text,
        status="not run",
        sentence=f"{condition.measure} was not measured, so that {condition.text} cannot be told.",
        condition=condition.text,
    )


def estimated(estimate: Estimate, **facts: Any) -> Finding:
    """A finding whose figure is an estimate."""
    return Finding(figure=estimate.value, low=estimate.low, high=estimate.high, of=estimate.of, **facts)
