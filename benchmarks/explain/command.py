"""`python -m benchmarks explain`: the table of the README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.explain.cases import (
    cam_grid,
    first_estimate,
    lime_same_fidelity,
    lime_same_masks,
    shap_gradients_same_fidelity,
    shap_partition,
)
from benchmarks.explain.upstream import BenchmarkRow, ModelPair, total
from core.cli.common import emit, reports_bad_input, say
from core.errors import InputError
from core.models.checkpoints import available, default_root, find, load_classifier
from core.models.classifier import Classifier
from core.models.staged import processor_has

CASES: dict[str, Callable[[ModelPair], BenchmarkRow | list[BenchmarkRow]]] = {
    "cam-grid": cam_grid,
    "lime-same-masks": lime_same_masks,
    "lime-same-fidelity": lime_same_fidelity,
    "shap-partition": shap_partition,
    "shap-gradients-same-fidelity": shap_gradients_same_fidelity,
    "first-estimate": first_estimate,
}


def measure_case(case: str, classifiers: list[Classifier]) -> list[BenchmarkRow]:
    """One case on each model, and the total."""
    rows: list[BenchmarkRow] = []
    for classifier in classifiers:
        found = CASES[case](ModelPair(classifier))
        rows += [found] if isinstance(found, BenchmarkRow) else found
        for row in rows[-1:] if isinstance(found, BenchmarkRow) else found:
            say(row.line())
    if case == "first-estimate":
        slowest = max(rows, key=lambda row: row.ours_s)
        return [*rows, BenchmarkRow(case, "all", slowest.ours_s, note=f"the slowest: {slowest.note}, {slowest.model}")]
    return [*rows, total(rows)]


@reports_bad_input
def explain(
    case: Annotated[list[str] | None, typer.Option("--case", help=f"Of: {', '.join(CASES)}. Default: all.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="Which models. Default: all.")] = None,
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare this engine's explanations with the upstream libraries': seconds of both, ratio, parity.

    Rows appear on stderr as they are measured. In a case's total, model "all", seconds are added up.
    """
    unknown = [name for name in case or () if name not in CASES]
    if unknown:
        raise InputError(f"No case {unknown[0]!r}. Choose one of: {', '.join(CASES)}.")
    root = checkpoints or default_root()
    classifiers = [load_classifier(find(name, root)) for name in model or available(root)]
    if not classifiers:
        raise InputError(f"There is no model in {root}.")
    fast = processor_has("bfloat16", classifiers[0].device)
    say(f"{torch.get_num_threads()} threads, {'with' if fast else 'without'} bfloat16")
    rows = [row for name in case or CASES for row in measure_case(name, classifiers)]
    emit([row.document() for row in rows], [row.line() for row in rows], as_json)
