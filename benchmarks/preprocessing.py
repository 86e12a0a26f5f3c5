"""How often the cell pipeline finds the cell, how well its mask fits, and how long it takes, on real cells.

`python -m benchmarks preprocessing --data DIR [--json]`; DIR (or LEUKOLENS_DATA) is the folder of the real cells. The
presets and the automatic mode were chosen on the development halves; `--half report` reads the other half, once.
`python -m benchmarks preset-bounds` fits the bounds of the presets: PBC's training split and LISC's development half
against the nuclei that optical density shows, JTSC's development half against its masks of the whole cell.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.cells import bccd_photographs, empty_crops, images_of_half, jtsc_mask, pbc_training
from core.cli.common import emit, reports_bad_input
from core.decoding import read_image
from core.errors import InputError
from core.fields.cells import overlap_of
from core.preprocessing.automatic import Bounds, fit_bounds, suggest_parameters
from core.preprocessing.parameters import PRESETS, CellParameters
from core.preprocessing.pipeline import CellCrop, crop_cell
from core.preprocessing.segmentation import find_nucleus

Crop = Callable[[NDArray[np.uint8]], CellCrop]
Figures = dict[str, Any]
Target = Callable[[Path, NDArray[np.uint8]], NDArray[np.bool_] | None]

CROPS = 1000
PBC_SAMPLE = 500
SEED = 20_240
BOUNDS_SAMPLE = 250
BOUNDS_SEED = 20_240
EVERY = 7  # of an image's pixels, one in so many is pooled


def automatic(rgb: NDArray[np.uint8]) -> CellCrop:
    """The pipeline with the parameters suggested for the image at hand."""
    return crop_cell(rgb, suggest_parameters(rgb))


def preset(name: str) -> Crop:
    """The pipeline with a preset."""
    parameters: CellParameters = PRESETS[name].parameters
    return lambda rgb: crop_cell(rgb, parameters)


def mask_overlap(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """IoU of two masks of one size."""
    return float((mask & other).sum() / max(1, (mask | other).sum()))


def on_photographs(data: Path, crop: Crop) -> Figures:
    """BCCD: is a cell found whose centre lies in an annotated WBC box, and is one found where there is none?"""
    fields = bccd_photographs(data)
    hits, overlaps, seconds = [], [], []
    for field in (field for field in fields if field.white_cells):
        started = time.perf_counter()
        box = crop(field.rgb).box
        seconds.append(time.perf_counter() - started)
        corners = (box[0], box[1], box[0] + box[2], box[1] + box[3]) if box else (0, 0, 0, 0)
        x, y = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
        hits.append(
            box is not None
            and any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in field.white_cells)
        )
        overlaps.append(max(overlap_of(corners, cell) for cell in field.white_cells))
    empty = [crop(rgb).found for rgb in empty_crops(fields, CROPS, SEED)]
    return {
        "images": len(hits),
        "centre_in_box": float(np.mean(hits)),
        "median_box_iou": float(np.median(overlaps)),
        "empty_crops": len(empty),
        "found_in_empty_crops": float(np.mean(empty)),
        "median_ms": 1e3 * float(np.median(seconds)),
    }


def on_masks(paths: Sequence[Path], crop: Crop) -> Figures:
    """JTSC: IoU of the mask with the whole cell, nucleus and cytoplasm."""
    overlaps, found, seconds = [], [], []
    for path in paths:
        rgb = read_image(path).rgb
        started = time.perf_counter()
        cut = crop(rgb)
        seconds.append(time.perf_counter() - started)
        found.append(cut.found)
        overlaps.append(mask_overlap(cut.mask, jtsc_mask(path) > 0))
    return {
        "images": len(paths),
        "found": float(np.mean(found)),
        "median_iou": float(np.median(overlaps)),
        "tenth_percentile_iou": float(np.percentile(overlaps, 10)),
        "median_ms": 1e3 * float(np.median(seconds)),
    }


def on_nuclei(paths: Sequence[Path], crop: Crop) -> Figures:
    """PBC, LISC: how often a cell is found, and holds most of the nucleus that optical density shows."""
    found, holds, overlaps = [], [], []
    for path in paths:
        rgb = read_image(path).rgb
        cut, nucleus = crop(rgb), find_nucleus(rgb)
        found.append(cut.found)
        if nucleus is not None:
            holds.append(float((cut.mask & nucleus.mask).sum() / nucleus.mask.sum()) > 0.5)
            overlaps.append(mask_overlap(cut.mask, nucleus.mask))
    return {
        "images": len(paths),
        "found": float(np.mean(found)),
        "holds_nucleus": float(np.mean(holds)),
        "median_nucleus_iou": float(np.median(overlaps)),
    }


def measure_pipeline(data: Path, half: str) -> Figures:
    """All figures: of the paper's preset, of the other presets, and of the automatic mode."""
    jtsc, lisc, pbc = (
        images_of_half(data, "jtsc", half),
        images_of_half(data, "lisc", half),
        pbc_training(data, PBC_SAMPLE, SEED),
    )
    return {
        "half": half,
        "preset bccd on BCCD": on_photographs(data, preset("bccd")),
        "preset pbc on PBC, training split": on_nuclei(pbc, preset("pbc")),
        "preset lisc on LISC": on_nuclei(lisc, preset("lisc")),
        "preset jtsc on JTSC": on_masks(jtsc, preset("jtsc")),
        "automatic on BCCD": on_photographs(data, automatic),
        "automatic on PBC, training split": on_nuclei(pbc, automatic),
        "automatic on LISC": on_nuclei(lisc, automatic),
        "automatic on JTSC": on_masks(jtsc, automatic),
    }


@reports_bad_input
def preprocessing(
    data: Annotated[Path | None, typer.Option(help="Folder of the real cells. Default: LEUKOLENS_DATA.")] = None,
    half: Annotated[str, typer.Option(help="development or report, of LISC and JTSC.")] = "development",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure the cell pipeline on real cells."""
    folder = data or Path(os.environ.get("LEUKOLENS_DATA", ""))
    if not (folder / "bccd" / "annotations").is_dir():
        raise InputError(f"{folder} does not hold the real cells. Name their folder with --data.")
    if half not in ("development", "report"):
        raise InputError(f"No half {half!r}. Known: development, report.")
    figures = measure_pipeline(folder, half)
    lines = [f"{name}: {_readable(value)}" for name, value in figures.items()]
    emit(figures, lines, as_json)


def _readable(value: Figures | str) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(f"{name} {number:.3g}" for name, number in value.items())


def nucleus(_: Path, rgb: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The nucleus found by optical density, or None."""
    found = find_nucleus(rgb)
    return None if found is None else found.mask


def whole_cell(path: Path, _: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The whole cell by the mask beside a JTSC image."""
    return jtsc_mask(path) > 0


def fitted_bounds(paths: Sequence[Path], target: Target) -> Bounds:
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
def measure_preset_bounds(
    data: Annotated[Path, typer.Option(help="Folder of the real cells.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print (lower, upper) for each stain."""
    bounds = {
        "pbc": fitted_bounds(pbc_training(data, BOUNDS_SAMPLE, BOUNDS_SEED), nucleus),
        "lisc": fitted_bounds(images_of_half(data, "lisc", "development"), nucleus),
        "jtsc": fitted_bounds(images_of_half(data, "jtsc", "development"), whole_cell),
    }
    emit(bounds, [f"{name}: {lower} to {upper}" for name, (lower, upper) in bounds.items()], as_json)
