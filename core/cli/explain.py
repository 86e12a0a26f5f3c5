"""`explain`: maps of an image, or of each in a folder, as raw values, pictures, scores, a manifest and a page. Methods
and their settings are parsed first; then every model is planned and checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from core.cli.common import (
    AsJson,
    Checkpoints,
    Stop,
    emit,
    is_zip,
    reports_bad_input,
    say,
    stoppable,
    writable,
    write_bundle,
)
from core.cli.explain_bundle import Drawing, Explained, ExplainOrder, carried_out, told_image, write_page
from core.cli.explain_folder import FolderResult, explain_folder
from core.cli.explain_settings import parse_settings
from core.cli.explain_work import ALL, ExplainOptions, check_methods, chosen_methods, plans
from core.cli.predict import Device, Framing, Models, load_all
from core.cli.verification import verification_lines
from core.errors import InputError
from core.explanation.engine import PRECISIONS, checked_precision
from core.explanation.methods.registry import METHODS
from core.explanation.render import DIVERGING, PALETTES
from core.preprocessing.framing import mask_of
from core.preprocessing.own_regions import own_regions

INTERRUPTED = 130  # the exit code of what Ctrl-C ended

DIFFERS = 1  # of a map that is not its reference library's


Methods = Annotated[
    list[str] | None,
    typer.Option("--method", help=f"{', '.join(METHODS)}, or all; repeat for several. Default: gradcam."),
]

Classes = Annotated[list[str] | None, typer.Option("--class", help="Class to explain; repeat. Default: all.")]

Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="CLASS",
        help="Also map what speaks for each class rather than this one, by the methods that can.",
    ),
]

SetTexts = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="METHOD.NAME=VALUE", help="A method's setting, listed below; repeat for several."),
]

Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Of all that is drawn at random.")]

Precision = Annotated[str, typer.Option("--precision", help=f"Number format: {', '.join(PRECISIONS)}.")]

MaskFile = Annotated[
    Path | None,
    typer.Option("--mask", help="Picture of the image's size, white on the cell. Default: the cell is estimated."),
]

RegionsFile = Annotated[
    Path | None,
    typer.Option(
        "--regions",
        metavar="FILE",
        help="Your own regions for LIME, kernel and partition SHAP: a PNG of the image's size, a grey level or colour "
        "each.",
    ),
]

Scores = Annotated[
    bool,
    typer.Option("--scores", help="Score each map beside controls: for the classes named, or each model's answer."),
]

Randomisation = Annotated[
    bool,
    typer.Option("--randomisation", help="Check that maps change as weights are made random; classes as in --scores."),
]

Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Compute each map by pytorch-grad-cam, lime, shap or captum too, and compare; classes as in --scores. "
        "Exit code 1 where a map differs.",
    ),
]

Opacity = Annotated[float, typer.Option("--opacity", min=0, max=1, help="Of the map over the picture.")]

Palette = Annotated[str, typer.Option("--palette", help=f"Of unsigned maps: {', '.join(PALETTES)}.")]

Diverging = Annotated[str, typer.Option("--diverging", help=f"Of signed maps: {', '.join(DIVERGING)}.")]

Out = Annotated[Path | None, typer.Option("--out", help="Folder to write to, or one file that ends in .zip.")]

Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write all of it as one page as well.")]


@reports_bad_input
def explain(
    image: Annotated[Path, typer.Argument(help="Image file, or a folder of them.")],
    out: Out = None,
    html: Html = None,
    methods: Methods = None,
    model: Models = None,
    classes: Classes = None,
    against: Against = None,
    settings: SetTexts = None,
    seed: Seed = 0,
    precision: Precision = "auto",
    scores: Scores = False,
    randomisation: Randomisation = False,
    verify: Verify = False,
    mask: MaskFile = None,
    regions: RegionsFile = None,
    framing: Framing = None,
    opacity: Opacity = 0.5,
    palette: Palette = "viridis",
    diverging: Diverging = DIVERGING[0],
    device: Device = "auto",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Show where each model finds its evidence, and what each map is worth.

    OUT gets <model>/<method>.npz with the raw values, <model>/<method>-<class>.png,
    <model>/<method>-<class>-against-<other>.png with --against, <model>/<method>-reference.npz where maps were
    verified, scores.json where scores were asked for, and manifest.json last. Ctrl-C keeps what was found until then.
    Of a folder, each image gets a folder in OUT with page.html, and OUT an index.html; given again, it goes on.
    """
    drawing = Drawing(opacity, palette, diverging)
    chosen = chosen_methods(methods or ["gradcam"])
    checked_precision(precision)
    _check_places(image, out, html, {"--mask": mask})
    decoded = None if image.is_dir() else told_image(image)
    given = None if mask is None or decoded is None else mask_of(told_image(mask).rgb, decoded.rgb.shape)
    own = None if regions is None else own_regions(told_image(regions))
    classifiers = load_all(model, checkpoints, device)
    asked = ExplainOptions(
        methods=chosen,
        settings=parse_settings(settings or [], chosen, [classifier.name for classifier in classifiers]),
        classes=tuple(dict.fromkeys(classes or ())),
        framing=framing,
        seed=seed,
        precision=precision,
        scores=scores,
        randomisation=randomisation,
        verify=verify,
        lenient=ALL in (methods or []) or not model,
        against=against or "",
    )
    order = ExplainOrder(classifiers, asked, drawing, own, None if mask is None else mask.name)
    check_methods(asked, own)
    if decoded is None:
        assert out is not None
        _finish_folder(explain_folder(order, image, out), as_json)
        return
    planned = plans(classifiers, decoded.rgb, given, asked, own)
    with stoppable() as stop, ExitStack() as places:
        for place in filter(None, (out, html and html.parent)):
            places.enter_context(writable(place))
        found = carried_out(order, decoded, planned, stop)
        if out is not None:
            write_bundle(out, found.files)
        if html is not None:
            write_page(html, found.page(drawing))
    _finish(found, out, html, stop, as_json)


def _finish(found: Explained, out: Path | None, html: Path | None, stop: Stop, as_json: bool) -> None:
    """Say what was written and found, and end with the exit code that goes with it."""
    lines = verification_lines(found.verifications)
    written = [] if out is None else [str(out)] if is_zip(out) else [str(out / name) for name in found.files]
    emit(found.manifest, [*lines, *written, *([] if html is None else [str(html)])], as_json)
    differs = any(checked.differing for checked in found.verifications)
    if differs and as_json:
        say(lines[-1])
    if stop.asked or found.faults or differs:
        raise typer.Exit(INTERRUPTED if stop.asked else 2 if found.faults else DIFFERS)


def _finish_folder(found: FolderResult, as_json: bool) -> None:
    emit(found.document(), found.lines(), as_json)
    if found.stopped or found.faults or found.differing:
        raise typer.Exit(INTERRUPTED if found.stopped else 2 if found.faults else DIFFERS)


def _check_places(image: Path, out: Path | None, html: Path | None, files: Mapping[str, Path | None]) -> None:
    """InputError where nothing would be written, or where what is asked for is not for a folder of images."""
    if out is None and html is None:
        raise InputError("Say where to write: --out for everything, --html for one page, or both.")
    if html is not None and html.is_dir():
        raise InputError(f"Cannot write to {html}: it is a folder. Name a file.")
    if not image.is_dir():
        return
    if out is None or is_zip(out):
        raise InputError(f"{image} is a folder: --out must be a folder too, which gets one for each image.")
    for option, given in (*files.items(), ("--html", html)):
        if given is not None:
            raise InputError(f"{option} is for one image, and {image} is a folder of them. Leave it out.")
