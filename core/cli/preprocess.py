"""`preprocess`: cut the cell out of images, with every stage on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from core.cli.common import emit, progress, reports_bad_input, say
from core.decoding import find_images, read_image
from core.errors import InputError
from core.files import read_plain
from core.preprocessing.automatic import suggest_parameters
from core.preprocessing.parameters import PRESETS, CellParameters, preset_parameters
from core.preprocessing.pipeline import CellCrop, crop_cell

LARGEST_PARAMETERS = 100_000  # bytes

Paths = Annotated[list[Path], typer.Argument(help="Image files or folders of them.")]
PresetName = Annotated[str | None, typer.Option("--preset", help=f"{', '.join(PRESETS)}. Default: bccd.")]
Lower = Annotated[str | None, typer.Option("--lower", metavar="R,G,B", help="Lower bound, each 0 to 255.")]
Upper = Annotated[str | None, typer.Option("--upper", metavar="R,G,B", help="Upper bound, each 0 to 255.")]
Auto = Annotated[bool, typer.Option("--auto", help="Suggest bounds for each image.")]
Saved = Annotated[Path | None, typer.Option("--parameters", help="A parameter file saved from the Preprocess page.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for every stage and the mask, one folder an image.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@reports_bad_input
def preprocess(
    paths: Paths,
    preset: PresetName = None,
    lower: Lower = None,
    upper: Upper = None,
    auto: Auto = False,
    parameters: Saved = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Cut the cell out of each image by the pipeline of Islam et al. 2024: threshold, erode, dilate, contour, crop.

    With --out, OUT/<image stem>/ gets every stage as PNG, and mask.png of the input's size, 255 inside the cell.
    """
    fixed = None if auto else _fixed_parameters(preset, lower, upper, parameters)
    _check_one_source(auto, preset, lower or upper, parameters)
    files = find_images(paths)
    folders = output_folders(out, files) if out is not None else dict.fromkeys(files)
    entries: list[dict[str, Any]] = []
    for path in progress(files, "image"):
        try:
            image = read_image(path)
        except InputError as error:
            say(f"skipped {path}: {error}")
            continue
        for note in image.notes:
            say(f"{path}: {note}")
        crop = crop_cell(image.rgb, fixed or suggest_parameters(image.rgb))
        if (folder := folders[path]) is not None:
            write_stages(folder, crop)
        entries.append(_entry(path, crop))
    if not entries:
        raise InputError("None of the images could be read.")
    emit(entries, [_line(entry) for entry in entries], as_json)
    if len(entries) < len(files):
        say(f"{len(files) - len(entries)} of {len(files)} images could not be read and were skipped.")
        raise typer.Exit(2)


def output_folders(out: Path, files: list[Path]) -> dict[Path, Path | None]:
    """A folder under `out` for each file, named by its stem; stems that collide are numbered: cell, cell-2, cell-3.

    Stems that differ by case alone collide too, since some file systems do not tell them apart.
    """
    folders: dict[Path, Path | None] = {}
    taken: set[str] = set()
    stems = {path.stem.casefold() for path in files}
    for path in files:
        name, number = path.stem, 1
        while name.casefold() in taken or (number > 1 and name.casefold() in stems):
            number += 1
            name = f"{path.stem}-{number}"
        taken.add(name.casefold())
        folders[path] = out / name
    return folders


def write_stages(folder: Path, crop: CellCrop) -> None:
    """Write every stage as `<stage>.png` and the mask as `mask.png`; raises `InputError` where that is impossible."""
    pictures: dict[str, NDArray[np.uint8]] = {**crop.stages, "mask": crop.mask.astype(np.uint8) * 255}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{name}.png")
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}. Choose another --out.") from None


def _check_one_source(auto: bool, *others: object) -> None:
    if auto + sum(other is not None for other in others) > 1:
        raise InputError("Give one of --preset, --lower with --upper, --auto and --parameters, not several.")


def _fixed_parameters(
    preset: str | None, lower: str | None, upper: str | None, saved: Path | None
) -> CellParameters | None:
    if saved is not None:
        return _saved_parameters(saved)
    if (lower is None) != (upper is None):
        raise InputError("Give both --lower and --upper, each as R,G,B.")
    if lower is not None and upper is not None:
        return CellParameters.of(lower=_colour("--lower", lower), upper=_colour("--upper", upper))
    return preset_parameters(preset or "bccd")


def _saved_parameters(path: Path) -> CellParameters | None:
    """Read a parameter file; None for a bare "automatic". Bounds that differ from their preset's are "manual"."""
    try:
        saved = CellParameters.from_json(read_plain(path, LARGEST_PARAMETERS))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from None
    if saved == CellParameters(mode="automatic"):
        return None
    preset = PRESETS.get(saved.mode)
    return saved if preset is not None and saved == preset.parameters else saved.revised()


def _colour(option: str, text: str) -> tuple[int, ...]:
    try:
        colour = tuple(int(part) for part in text.split(","))
    except ValueError:
        colour = ()
    if len(colour) != 3:
        raise InputError(f"{option} {text!r} is no colour. Give red,green,blue, each 0 to 255: {option} 80,80,180.")
    return colour


def _entry(path: Path, crop: CellCrop) -> dict[str, Any]:
    return {
        "image": str(path),
        "found": crop.found,
        "box": list(crop.box) if crop.box else None,
        "lower": list(crop.parameters.lower),
        "upper": list(crop.parameters.upper),
        "mode": crop.parameters.mode,
        "reason": crop.reason,
    }


def _line(entry: dict[str, Any]) -> str:
    if not entry["found"]:
        return f"{entry['image']}: no cell found: {entry['reason']}; the whole frame is used"
    x, y, width, height = entry["box"]
    return f"{entry['image']}: a cell of {width}x{height} px at ({x}, {y})"
