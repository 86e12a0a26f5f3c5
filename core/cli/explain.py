"""`explain`: maps of an image, as raw values, pictures, scores and a manifest. Methods and their settings are parsed
first; then every model is planned and checked before any work is done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from core.cli.common import (
    AsJson,
    Checkpoints,
    emit,
    is_zip,
    reports_bad_input,
    say,
    stoppable,
    writable,
    write_bundle,
)
from core.cli.explain_settings import parse_settings
from core.cli.explain_work import ALL, ExplainOptions, Faults, agreements_of, chosen_methods, plans, work
from core.cli.predict import Device, Framing, Models, load_all
from core.cli.verification import verification_lines
from core.decoding import DecodedImage, read_image
from core.errors import InputError
from core.explanation.engine import PRECISIONS, Explanation
from core.explanation.evidence import MANIFEST, evidence_files
from core.explanation.methods.registry import METHODS
from core.explanation.render import DIVERGING, PALETTES, picture
from core.preprocessing.framing import mask_of
from core.preprocessing.own_regions import OwnRegions, own_regions

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

Out = Annotated[Path, typer.Option("--out", help="Folder to write to, or one file that ends in .zip.")]


@reports_bad_input
def explain(
    image: Annotated[Path, typer.Argument(help="Image file.")],
    out: Out,
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
    """
    drawing = Drawing(opacity, palette, diverging)
    chosen = chosen_methods(methods or ["gradcam"])
    decoded = _read(image)
    given = None if mask is None else mask_of(_read(mask).rgb, decoded.rgb.shape)
    own = None if regions is None else own_regions(_read(regions))
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
        lenient=ALL in (methods or []),
        against=against or "",
    )
    planned = plans(classifiers, decoded.rgb, given, asked, own)
    with writable(out), stoppable() as stop:
        faults = Faults()
        findings = work(planned, asked, stop, faults)
        if not findings:
            raise InputError("Nothing was found out, so nothing was written.")
        parameters = asdict(asked) | asdict(drawing) | {"mask": None if mask is None else mask.name}
        parameters["regions"] = _regions_entry(own)
        parameters["settings"] = [asdict(one) | {"value": str(one.value)} for one in asked.settings]  # text, as typed
        del parameters["lenient"]
        alike = agreements_of(findings, asked) if scores else []
        files = evidence_files(
            _source(decoded), decoded.rgb, findings, parameters, drawing.paint, faults.entries, alike
        )
        write_bundle(out, files)
    verified = [checked for each in findings for checked in each.verifications]
    lines = verification_lines(verified)
    written = [str(out)] if is_zip(out) else [str(out / name) for name in files]
    emit(json.loads(files[MANIFEST]), [*lines, *written], as_json)
    differs = any(checked.differing for checked in verified)
    if differs and as_json:
        say(lines[-1])
    if stop.asked or faults.entries or differs:
        raise typer.Exit(INTERRUPTED if stop.asked else 2 if faults.entries else DIFFERS)


@dataclass(frozen=True)
class Drawing:
    """How the pictures are drawn; InputError where there is no such palette."""

    opacity: float
    palette: str
    diverging: str

    def __post_init__(self) -> None:
        for option, name, known in (("palette", self.palette, PALETTES), ("diverging", self.diverging, DIVERGING)):
            if name not in known:
                raise InputError(f"No --{option} {name!r}. Known: {', '.join(known)}.")

    def paint(self, explanation: Explanation, label: str) -> NDArray[np.uint8]:
        """One class's map at its own scale."""
        return picture(explanation, label, self.opacity, self.diverging if explanation.signed else self.palette)


def _read(path: Path) -> DecodedImage:
    decoded = read_image(path)
    for note in decoded.notes:
        say(f"{path}: {note}")
    return decoded


def _regions_entry(regions: OwnRegions | None) -> dict[str, Any] | None:
    return None if regions is None else {"name": regions.name, "sha256": regions.sha256, "count": regions.count}


def _source(decoded: DecodedImage) -> dict[str, Any]:
    height, width = decoded.rgb.shape[:2]
    return {
        "name": decoded.name,
        "sha256": decoded.sha256,
        "width": width,
        "height": height,
        "format": decoded.format,
        "bit_depth": decoded.bit_depth,
    }
