"""`samples`: simulated cells with their masks, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.output import emit, progress, reports_bad_input
from core.simulation.samples import Sample, check_folder, plan_samples, write_labels, write_sample


@reports_bad_input
def samples(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; made if it is missing.")],
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same cells.")] = 0,
    count: Annotated[int, typer.Option("--count", help="Cells a class.")] = 10,
    size: Annotated[int, typer.Option("--size", help="Side of the images in pixels.")] = 224,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list of cells as JSON.")] = False,
) -> None:
    """Draw simulated white blood cells of the five classes.

    OUT/cells/<class>/ gets the images, OUT/masks/<class>/ the exact masks of nucleus and cytoplasm (255 inside),
    OUT/labels.csv the list.
    """
    planned = plan_samples(out, seed, count)
    check_folder(out, planned)
    for sample in progress(planned, "cells drawn"):
        write_sample(sample, size)
    table = write_labels(out, planned)
    document = [_entry(sample, size) for sample in planned]
    emit(document, [f"{len(planned)} simulated cells in {out / 'cells'}, listed in {table}"], as_json)


def _entry(sample: Sample, size: int) -> dict[str, str | int]:
    return {
        "image": str(sample.image),
        "label": sample.label,
        "seed": sample.seed,
        "size": size,
        "nucleus": str(sample.nucleus),
        "cytoplasm": str(sample.cytoplasm),
    }
