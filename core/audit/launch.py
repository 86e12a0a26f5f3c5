"""An audit as a process of its own that a page starts and watches: what it was told, its start, and how to go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.audit.conditions import MOST, canonical
from core.audit.findings import read_condition
from core.errors import InputError
from core.runs.directory import RunDirectory, default_runs
from core.runs.order import AbsolutePath, checked_order, keep_order, read_order
from core.runs.spawn import spawn

AUDITS = ".audits"  # the folder of audits beside the runs, and no run itself
MOST_GOING_ON = 4  # audits at once


def _condition(text: str) -> str:
    try:
        return canonical(read_condition(text))
    except InputError as error:
        raise ValueError(str(error)) from error


ConditionText = Annotated[str, Field(max_length=200), AfterValidator(_condition)]


class AuditSpec(BaseModel):
    """What an audit is told: `models` and `data` are absolute paths, `dataset` is how the data are read,
    `conditions` are as --require takes them.

    Nothing of it is ever run as text: the command is put together anew from these fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    models: Annotated[tuple[AbsolutePath, ...], Field(min_length=1, max_length=20)]
    data: AbsolutePath
    dataset: str = Field(default="auto", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    sample: int = Field(default=25, ge=5, le=100_000)
    sensitivity: float = Field(default=0.95, ge=0.01, le=1)
    risk: float = Field(default=0.01, ge=0, le=1)
    conditions: Annotated[tuple[ConditionText, ...], Field(max_length=MOST)] = ()

    def command(self, out: Path) -> list[str]:
        """The command that audits into `out`, and goes on there."""
        words = [sys.executable, "-m", "core", "audit", "--data", self.data, "--dataset", self.dataset]
        words += [word for model in self.models for word in ("--model", model)]
        words += ["--sample", str(self.sample), "--sensitivity", f"{self.sensitivity:g}", "--risk", f"{self.risk:g}"]
        words += [word for condition in self.conditions for word in ("--require", condition)]
        return [*words, "--out", str(out)]


def audits_folder() -> Path:
    """Where the audits lie that pages start."""
    return default_runs() / AUDITS


def start_audit(folder: Path, name: str, spec: AuditSpec) -> RunDirectory:
    """Begin the audit `name` in `folder`, as a process that outlives this one; InputError for a taken name."""
    run = keep_order(folder, name, "audits go on", spec, MOST_GOING_ON)
    spawn(run, spec.command(run.path), {})
    return run


def resume_audit(run: RunDirectory) -> None:
    """Go on with an audit that was cancelled, killed or has failed; InputError where that is not possible."""
    if run.alive() or run.state() not in ("failed", "cancelled", "interrupted", "unknown"):
        raise InputError(f"{run.name} goes on already, or is done.")
    spawn(run, read_audit_spec(run.path).command(run.path), {})


def read_audit_spec(run: Path) -> AuditSpec:
    """What the audit in `run` was told; InputError where the file is missing or was changed."""
    return read_order(AuditSpec, run, ": start a new one.")


def checked_audit(**facts: object) -> AuditSpec:
    """The specification of these facts; InputError where one cannot be used."""
    return checked_order(AuditSpec, "audit", facts)
