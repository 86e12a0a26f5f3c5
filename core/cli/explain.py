"""`explain`: maps of an image, as raw values, pictures, scores and a manifest. Methods and their settings are parsed
first; then every model is planned and checked before any work is done, step by step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from core.cli.common import (
    AsJson,
    Checkpoints,
    Stop,
    emit,
    is_zip,
    reports_bad_input,
    run,
    say,
    stoppable,
    writable,
    write_bundle,
)
from core.cli.explain_settings import Setting, chosen_settings, parse_settings
from core.cli.predict import Device, Framing, Models, load_all
from core.cli.verification import verification, verification_lines
from core.decoding import DecodedImage, read_image
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.engine import (
    PRECISIONS,
    Explanation,
    checked_classes,
    checked_precision,
    checked_request,
    checked_settings,
    explanation_of,
    start_checked,
)
from core.explanation.evidence import MANIFEST, Documented, Findings, evidence_files
from core.explanation.method import MethodSettings, Request
from core.explanation.methods.registry import METHODS, method
from core.explanation.quality.randomisation import RandomisationTask
from core.explanation.quality.scoring import ScoringTask
from core.explanation.quality.similarity import SimilarityMatrix, similarity_matrices
from core.explanation.render import DIVERGING, PALETTES, picture
from core.models.classifier import Classifier, Prediction
from core.preprocessing.framing import FRAMINGS, View, frame_image, framed_mask, mask_of

ALL = "all"


def chosen_methods(names: Sequence[str]) -> tuple[str, ...]:
    """The methods named, each once; "all" stands for all. InputError for one that there is not."""
    if ALL in names:
        return tuple(METHODS)
    return tuple(dict.fromkeys(method(name).name for name in names))


SCORES, CHECK = "scores of {}, {}", "randomisation check of {}, {}"


@dataclass(frozen=True)
class ExplainOptions:
    """What the user wants to know of each model; `classes` are those named, if any."""

    methods: Sequence[str]
    settings: Sequence[Setting] = ()
    classes: Sequence[str] = ()
    framing: str | None = None
    seed: int = 0
    precision: str = "auto"
    scores: bool = False
    randomisation: bool = False
    verify: bool = False
    lenient: bool = False  # leave out methods that do not fit a model, where not both were named


@dataclass(frozen=True)
class ExplainPlan:
    """One model's work, checked: the picture that it sees, and a request a method."""

    classifier: Classifier
    view: View
    context: ImageContext
    requests: Mapping[str, Request[MethodSettings]]
    classes: tuple[str, ...]


Judge = Callable[[ExplainPlan, Explanation, str, ExplainOptions, Stop], Documented | None]


@dataclass
class Faults:
    """What could not be done, told when it happens and kept for the manifest."""

    entries: list[dict[str, str]] = field(default_factory=list)

    def add(self, model: str, what: str, error: InputError) -> None:
        """Tell one and keep it."""
        say(f"error: {model}: {what}: {error}")
        self.entries.append({"model": model, "what": what, "message": str(error)})

    def stopped(self) -> None:
        """Keep that the user ended the work before it was all done."""
        self.entries.append({"model": "", "what": "the rest", "message": "Stopped before all was done."})


def plans(
    classifiers: Sequence[Classifier], rgb: NDArray[np.uint8], mask: NDArray[np.bool_] | None, asked: ExplainOptions
) -> list[ExplainPlan]:
    """Frame the image `rgb` and its `mask` for every model, and check all that was asked for; InputError says what not.

    Models that see the same picture share its context, and with it superpixels, baselines and masks.
    """
    views: dict[str, View] = {}
    contexts: dict[str, ImageContext] = {}
    found = []
    for classifier in classifiers:
        framing = asked.framing or classifier.card.framing
        if framing not in views:
            views[framing] = frame_image(rgb, framing)
            framed = None if mask is None else framed_mask(mask, rgb, views[framing])
            contexts[framing] = ImageContext(views[framing].rgb, framed)
            for warning in views[framing].warnings:
                say(f"{FRAMINGS[framing]}: {warning}")
        classes = checked_classes(classifier, asked.classes)
        requests = _requests(classifier, contexts[framing], asked)
        found.append(ExplainPlan(classifier, views[framing], contexts[framing], requests, classes))
    return found


def work(planned: Sequence[ExplainPlan], asked: ExplainOptions, stop: Stop, faults: Faults) -> list[Findings]:
    """Do the plans in order, until the end or a stop; what goes wrong with one model leaves the others alone."""
    found = []
    for plan in planned:
        if stop.asked:
            break
        try:
            prediction = plan.classifier.predict([plan.context.rgb])[0]
        except InputError as error:
            faults.add(plan.classifier.name, "answer", error)
            continue
        findings = _findings(plan, prediction, asked, stop, faults)
        if findings.explanations:
            found.append(findings)
    if stop.asked:
        faults.stopped()
    return found


def agreements_of(findings: Sequence[Findings], asked: ExplainOptions) -> list[SimilarityMatrix]:
    """How alike the maps of all methods and models are, for each class that was named or answered."""
    answers = [each.prediction.predicted for each in findings if each.prediction is not None]
    maps = [item for each in findings for item in each.explanations.values()]
    return similarity_matrices(maps, asked.classes or answers)


def _requests(
    classifier: Classifier, context: ImageContext, asked: ExplainOptions
) -> dict[str, Request[MethodSettings]]:
    requests = {}
    for name in asked.methods:
        settings = checked_settings(method(name), classifier, chosen_settings(asked.settings, name, classifier.name))
        try:
            requests[name] = checked_request(name, classifier, context, settings, asked.seed, asked.precision)
        except InputError as error:
            if not asked.lenient:
                raise
            say(f"left out: {error}")
    return requests


def _findings(plan: ExplainPlan, prediction: Prediction, asked: ExplainOptions, stop: Stop, faults: Faults) -> Findings:
    model = plan.classifier.name
    explanations, seconds = {}, {}
    for name, request in plan.requests.items():
        started = time.perf_counter()
        try:
            item = _explanation(request, plan.classes, stop)
        except InputError as error:
            faults.add(model, name, error)
            continue
        if item is not None:
            explanations[name], seconds[name] = item, time.perf_counter() - started
    labels = plan.classes if asked.classes else (prediction.predicted,)

    def judged(what: str, judge: Judge) -> list[Documented]:
        found: list[Documented] = []
        for item in explanations.values():
            for label in labels:
                try:
                    result = judge(plan, item, label, asked, stop)
                except InputError as error:
                    faults.add(model, what.format(item.method, label), error)
                else:
                    found += [] if result is None else [result]
        return found

    scorings = judged(SCORES, _scoring) if asked.scores else []
    checks = judged(CHECK, _randomisation) if asked.randomisation else []
    verified = []
    for name, item in explanations.items() if asked.verify else ():
        if stop.asked:
            break
        verified.append(verification(plan.classifier, plan.context, item, labels, seconds[name], stop))
        if verified[-1].failed:
            faults.add(model, f"{name} by {verified[-1].library}", InputError(verified[-1].reason))
    return Findings(plan.classifier, plan.view, plan.context, explanations, prediction, scorings, checks, verified)


def _explanation(request: Request[MethodSettings], classes: Sequence[str], stop: Stop) -> Explanation | None:
    """A method's maps, of as much of the budget as was spent; None before its first step."""
    if stop.asked:
        return None
    estimator = start_checked(request)
    run(estimator, f"{request.classifier.name}: {request.method}", stop)
    return explanation_of(estimator, classes) if estimator.evaluations else None


def _scoring(plan: ExplainPlan, item: Explanation, label: str, asked: ExplainOptions, stop: Stop) -> Documented | None:
    task = ScoringTask(plan.classifier, plan.context, item, label, seed=asked.seed, precision=asked.precision)
    run(task, f"{item.model}: {SCORES.format(item.method, label)}", stop)
    return task.scoring() if task.scoring().rows else None


def _randomisation(
    plan: ExplainPlan, item: Explanation, label: str, asked: ExplainOptions, stop: Stop
) -> Documented | None:
    task = RandomisationTask(plan.requests[item.method], label)
    ended = run(task, f"{item.model}: {CHECK.format(item.method, label)}", stop)
    return task.result() if ended else None


INTERRUPTED = 130  # the exit code of what Ctrl-C ended

DIFFERS = 1  # of a map that is not its reference library's


Methods = Annotated[
    list[str] | None,
    typer.Option("--method", help=f"{', '.join(METHODS)}, or all; repeat for several. Default: gradcam."),
]

Classes = Annotated[list[str] | None, typer.Option("--class", help="Class to explain; repeat. Default: all.")]

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
    settings: SetTexts = None,
    seed: Seed = 0,
    precision: Precision = "auto",
    scores: Scores = False,
    randomisation: Randomisation = False,
    verify: Verify = False,
    mask: MaskFile = None,
    framing: Framing = None,
    opacity: Opacity = 0.5,
    palette: Palette = "viridis",
    diverging: Diverging = DIVERGING[0],
    device: Device = "auto",
    checkpoints: Checkpoints = None,
    as_json: AsJson = False,
) -> None:
    """Show where each model finds its evidence, and what each map is worth.

    OUT gets <model>/<method>.npz with the raw values, <model>/<method>-<class>.png, <model>/<method>-reference.npz
    where maps were verified, scores.json where scores were asked for, and manifest.json last. Ctrl-C keeps what was
    found until then.
    """
    drawing = Drawing(opacity, palette, diverging)
    chosen = chosen_methods(methods or ["gradcam"])
    checked_precision(precision)
    decoded = _read(image)
    given = None if mask is None else mask_of(_read(mask).rgb, decoded.rgb.shape)
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
    )
    planned = plans(classifiers, decoded.rgb, given, asked)
    with writable(out), stoppable() as stop:
        faults = Faults()
        findings = work(planned, asked, stop, faults)
        if not findings:
            raise InputError("Nothing was found out, so nothing was written.")
        parameters = asdict(asked) | asdict(drawing) | {"mask": None if mask is None else mask.name}
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
