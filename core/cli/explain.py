"""`explain`: maps of an image, as raw values, pictures and a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.models import AsJson, Checkpoints
from core.cli.output import emit, progress, reports_bad_input
from core.cli.predict import Framing, Models, load_all
from core.decoding import read_image
from core.errors import InputError
from core.explanation.engine import explain as explain_view
from core.explanation.export import explanation_files, manifest, manifest_json
from core.explanation.methods import METHODS, method
from core.explanation.render import PALETTES
from core.preprocessing.framing import frame_image

Methods = Annotated[list[str], typer.Option("--method", help=f"{', '.join(METHODS)}; repeat for several.")]
Classes = Annotated[list[str] | None, typer.Option("--class", help="Class to explain; repeat. Default: all.")]


@reports_bad_input
def explain(
    image: Annotated[Path, typer.Argument(help="Image file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    methods: Methods,
    model: Models = None,
    classes: Classes = None,
    framing: Framing = None,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of the map over the picture.")] = 0.5,
    palette: Annotated[str, typer.Option(help=", ".join(PALETTES))] = "viridis",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Show where each model finds its evidence: OUT/<model>/<method>.npz, a picture a class, manifest.json last."""
    for name in methods:
        method(name)
    if palette not in PALETTES:
        raise InputError(f"No palette {palette!r}. Known: {', '.join(PALETTES)}.")
    decoded = read_image(image)
    files: dict[str, bytes] = {}
    runs = []
    for classifier in progress(load_all(model, checkpoints), "model"):
        view = frame_image(decoded.rgb, framing or classifier.card.framing)
        explanations = explain_view(classifier, view.rgb, methods, classes)
        runs.append((classifier, view, explanations))
        for item in explanations.values():
            files |= explanation_files(item, opacity, palette)
    source = {"name": image.name, "sha256": decoded.sha256, "format": decoded.format, "bit_depth": decoded.bit_depth}
    parameters = {"methods": methods, "classes": classes, "opacity": opacity, "palette": palette}
    document = manifest(source, runs, files, parameters)
    write_files(out, files | {"manifest.json": manifest_json(document)})
    lines = [f"{out / name}" for name in files]
    emit(document, lines, as_json)


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file below `folder`, in order; InputError when the disk will not have it."""
    try:
        for name, data in files.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{name} would lie outside {folder}: its model's card names no file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}. Choose another folder.") from error
