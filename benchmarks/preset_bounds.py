"""Fit the bounds of the presets to pooled pixels: `python -m benchmarks.preset_bounds --data DIR [--json]`.

PBC's training split and LISC's development half against the nuclei that optical density shows, JTSC's development half
against its masks of the whole cell. The report halves are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.cells import halves, jtsc_mask, pbc_training
from core.cli.output import emit, reports_bad_input
from core.decoding import read_image
from core.preprocessing.automatic import Bounds, fit_bounds
from core.preprocessing.nucleus import find_nucleus

PBC_SAMPLE = 250
SEED = 20_240
EVERY = 7  # of an image's pixels, one in so many is pooled
Target = Callable[[Path, NDArray[np.uint8]], NDArray[np.bool_] | None]


def nucleus(_: Path, rgb: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The nucleus found by optical density, or None."""
    found = find_nucleus(rgb)
    return None if found is None else found.mask


def whole_cell(path: Path, _: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The whole cell by the mask beside a JTSC image."""
    return jtsc_mask(path) > 0


def fitted(paths: Sequence[Path], target: Target) -> Bounds:
    """The box of colours whose pixels overlap the targets of all images most, every pixel counted alike."""
    colours, inside = [], []
    for path in paths:
        rgb = read_image(path).rgb
        mask = target(path, rgb)
        if mask is not None:
            colours.append(rgb.reshape(-1, 3)[::EVERY])
            inside.append(mask.ravel()[::EVERY])
    pooled = np.concatenate(colours)[:, None]  # (n, 1, 3)
    cell = np.concatenate(inside)[:, None]  # (n, 1)
    return fit_bounds(pooled, cell, np.ones_like(cell), sample=cell.size)


@reports_bad_input
def main(
    data: Annotated[Path, typer.Option(help="Folder of the real cells.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print (lower, upper) for each stain."""
    bounds = {
        "pbc": fitted(pbc_training(data, PBC_SAMPLE, SEED), nucleus),
        "lisc": fitted(halves(data, "lisc", "development"), nucleus),
        "jtsc": fitted(halves(data, "jtsc", "development"), whole_cell),
    }
    emit(bounds, [f"{name}: {lower} to {upper}" for name, (lower, upper) in bounds.items()], as_json)


if __name__ == "__main__":
    typer.run(main)
