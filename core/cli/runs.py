"""`runs`: list the training runs, cancel one, go on with one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli.common import AsJson, emit, reports_bad_input
from core.errors import InputError
from core.runs.directory import RunDirectory, default_runs, existing_run
from core.runs.listing import RunEntry, entry_of, list_runs
from core.runs.spawn import cancel
from core.training.launch import resume_run

Action = Literal["list", "cancel", "resume"]


@reports_bad_input
def runs(
    action: Annotated[Action, typer.Argument(help="What to do.")] = "list",
    name: Annotated[str | None, typer.Argument(help="Which run to cancel or to resume.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--runs", help="Folder of the runs. Default: LEUKOLENS_RUNS, else runs/.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the training runs with their states, newest first; or cancel one, or go on with one."""
    place = folder.resolve() if folder is not None else default_runs()
    if action == "list":
        _list(place, as_json)
        return
    if name is None:
        raise InputError(f"Which run? Name it: python -m core runs {action} NAME.")
    run = RunDirectory(existing_run(place, name))
    (cancel if action == "cancel" else resume_run)(run)
    told = "was cancelled" if action == "cancel" else "goes on in the background"
    emit(_facts(entry_of(place, name)), [f"{name} {told}."], as_json)


def _list(place: Path, as_json: bool) -> None:
    found = list_runs(place)
    lines = [_line(entry) for entry in found.runs] or [f"There are no runs in {place}."]
    document = {"folder": str(place), "runs": [_facts(entry) for entry in found.runs], "notes": list(found.notes)}
    emit(document, [*lines, *found.notes], as_json)


def _facts(entry: RunEntry) -> dict[str, Any]:
    status = None if entry.status is None else json.loads(entry.status.model_dump_json())
    return {"name": entry.name, "state": entry.state, "since": entry.since, "problem": entry.problem, "status": status}


def _line(entry: RunEntry) -> str:
    status = entry.status
    if status is None:
        return f"{entry.name}: {entry.problem}"
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.since))
    said = status.error or status.message
    parts = [entry.state, f"epoch {status.epoch} of {status.epochs}" if status.epochs else "", said]
    return f"{entry.name}: {', '.join(part for part in parts if part)} (begun {begun})"
