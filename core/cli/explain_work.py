"""The work behind `explain`: what was asked for, checked into a plan a model, and done step by step until the end or a
stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.cli.common import Stop, run, say
from core.cli.explain_settings import Setting, chosen_settings
from core.cli.verification import verification
from core.errors import InputError
from core.explanation.context import ImageContext
from core.explanation.contrast import contrasted, no_contrast
from core.explanation.engine import (
    Explanation,
    checked_classes,
    checked_request,
    checked_settings,
    explanation_of,
    start_checked,
)
from core.explanation.evidence import Documented, Findings
from core.explanation.method import Estimator, Method, MethodSettings, Request
from core.explanation.methods.registry import METHODS, method
from core.explanation.quality.randomisation import RandomisationTask
from core.explanation.quality.scoring import ScoringTask
from core.explanation.quality.similarity import SimilarityMatrix, similarity_matrices
from core.explanation.superpixels import OWN, takes_own_regions
from core.models.classifier import Classifier, Prediction
from core.preprocessing.framing import FRAMINGS, View, frame_image, framed_mask
from core.preprocessing.own_regions import OwnRegions, framed_regions

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
    against: str = ""  # the class that every other one is contrasted with


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
    classifiers: Sequence[Classifier],
    rgb: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None,
    asked: ExplainOptions,
    regions: OwnRegions | None = None,
) -> list[ExplainPlan]:
    """Frame the image `rgb`, its `mask` and `regions` for every model, and check all that was asked for; InputError
    says what not.

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
            own = None if regions is None else framed_regions(regions, rgb, views[framing])
            contexts[framing] = ImageContext(views[framing].rgb, framed, own)
            for warning in views[framing].warnings:
                say(f"{FRAMINGS[framing]}: {warning}")
        classes = checked_classes(classifier, asked.classes)
        if asked.against:
            checked_classes(classifier, [asked.against])
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


def check_methods(asked: ExplainOptions, regions: OwnRegions | None) -> None:
    """InputError where no method asked for has a contrastive map that is wanted, or weighs the regions given."""
    _check_contrast(asked)
    _check_regions(asked, regions)


def _check_contrast(asked: ExplainOptions) -> None:
    """InputError where no method has a contrastive map or no class is left; say which methods have none."""
    if not asked.against:
        return
    if set(asked.classes) == {asked.against}:
        raise InputError(f"--against {asked.against} needs another class than {asked.against} to be explained.")
    reasons = [reason for name in asked.methods if (reason := no_contrast(method(name)))]
    if len(reasons) == len(asked.methods):
        raise InputError(f"{reasons[0]} Leave out --against, or add a method such as gradcam.")
    for reason in reasons:
        say(reason)


def _check_regions(asked: ExplainOptions, regions: OwnRegions | None) -> None:
    if regions is not None and not any(takes_own_regions(method(name)) for name in asked.methods):
        able = ", ".join(name for name, kind in METHODS.items() if takes_own_regions(kind))
        raise InputError(f"--regions is of no use to the methods asked for. Those that weigh regions are: {able}.")


def _settings(kind: Method, classifier: Classifier, context: ImageContext, asked: ExplainOptions) -> MethodSettings:
    """A method's settings for one model; own regions are used where they were given and nothing else was chosen."""
    chosen = chosen_settings(asked.settings, kind.name, classifier.name)
    if context.given_regions is not None and takes_own_regions(kind):
        chosen = {"superpixels": OWN} | chosen
    return checked_settings(kind, classifier, chosen)


def _requests(
    classifier: Classifier, context: ImageContext, asked: ExplainOptions
) -> dict[str, Request[MethodSettings]]:
    requests = {}
    for name in asked.methods:
        settings = _settings(method(name), classifier, context, asked)
        try:
            requests[name] = checked_request(name, classifier, context, settings, asked.seed, asked.precision)
        except InputError as error:
            if not asked.lenient:
                raise
            say(f"left out: {error}")
    return requests


def _findings(plan: ExplainPlan, prediction: Prediction, asked: ExplainOptions, stop: Stop, faults: Faults) -> Findings:
    model = plan.classifier.name
    explanations, contrasts, seconds = {}, {}, {}
    for name, request in plan.requests.items():
        started = time.perf_counter()
        try:
            estimator = _estimator(request, stop)
            if estimator is None:
                continue
            explanations[name], seconds[name] = explanation_of(estimator, plan.classes), time.perf_counter() - started
            if asked.against and not no_contrast(method(name)):
                contrasts[name] = contrasted(explanation_of(estimator), asked.against, plan.classes)
        except InputError as error:
            faults.add(model, name, error)
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
    return Findings(
        plan.classifier, plan.view, plan.context, explanations, prediction, scorings, checks, verified, contrasts
    )


def _estimator(request: Request[MethodSettings], stop: Stop) -> Estimator | None:
    """A method that has spent its budget, or as much of it as a stop allowed; None before its first step."""
    if stop.asked:
        return None
    estimator = start_checked(request)
    run(estimator, f"{request.classifier.name}: {request.method}", stop)
    return estimator if estimator.evaluations else None


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
