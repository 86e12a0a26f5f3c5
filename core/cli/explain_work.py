"""The work behind `explain`: planned and checked for every model first, then done step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.classifier import Classifier
from core.cli.meter import Stop, run
from core.cli.method_options import Setting, settings_for
from core.cli.output import say
from core.errors import InputError
from core.explanation.engine import begin, checked_request, checked_settings, explanation_of, known_classes
from core.explanation.estimator import Request
from core.explanation.evidence import Documented, Findings
from core.explanation.explanation import Explanation
from core.explanation.methods import method
from core.explanation.scene import Scene
from core.explanation.worth.agreement import Agreement, agreements
from core.explanation.worth.randomisation import RandomisationTask
from core.explanation.worth.task import WorthTask
from core.prediction import Prediction
from core.preprocessing.framing import FRAMINGS, View, frame_image
from core.preprocessing.given_mask import framed_mask

SCORES, CHECK = "scores of {}, {}", "randomisation check of {}, {}"


@dataclass(frozen=True)
class Asked:
    """What the user wants to know of each model; `classes` are those named, if any."""

    methods: Sequence[str]
    settings: Sequence[Setting] = ()
    classes: Sequence[str] = ()
    framing: str | None = None
    seed: int = 0
    precision: str = "auto"
    scores: bool = False
    randomisation: bool = False
    lenient: bool = False  # leave out methods that do not fit a model, as "all" does


@dataclass(frozen=True)
class Plan:
    """One model's work, checked: the picture that it sees, and a request a method."""

    classifier: Classifier
    view: View
    scene: Scene
    requests: Mapping[str, Request]
    classes: tuple[str, ...]


Judge = Callable[[Plan, Explanation, str, Asked, Stop], Documented | None]


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
    classifiers: Sequence[Classifier], rgb: NDArray[np.uint8], mask: NDArray[np.bool_] | None, asked: Asked
) -> list[Plan]:
    """Frame the image `rgb` and its `mask` for every model, and check all that was asked for; InputError says what not.

    Models that see the same picture share its scene, and with it superpixels, baselines and masks.
    """
    views: dict[str, View] = {}
    scenes: dict[str, Scene] = {}
    found = []
    for classifier in classifiers:
        framing = asked.framing or classifier.card.framing
        if framing not in views:
            views[framing] = frame_image(rgb, framing)
            framed = None if mask is None else framed_mask(mask, rgb, views[framing])
            scenes[framing] = Scene(views[framing].rgb, framed)
            for warning in views[framing].warnings:
                say(f"{FRAMINGS[framing]}: {warning}")
        classes = known_classes(classifier, asked.classes)
        requests = _requests(classifier, scenes[framing], asked)
        found.append(Plan(classifier, views[framing], scenes[framing], requests, classes))
    return found


def work(planned: Sequence[Plan], asked: Asked, stop: Stop, faults: Faults) -> list[Findings]:
    """Do the plans in order, until the end or a stop; what goes wrong with one model leaves the others alone."""
    found = []
    for plan in planned:
        if stop.asked:
            break
        try:
            prediction = plan.classifier.predict([plan.scene.rgb])[0]
        except InputError as error:
            faults.add(plan.classifier.name, "answer", error)
            continue
        findings = _findings(plan, prediction, asked, stop, faults)
        if findings.explanations:
            found.append(findings)
    if stop.asked:
        faults.stopped()
    return found


def agreements_of(findings: Sequence[Findings], asked: Asked) -> list[Agreement]:
    """How alike the maps of all methods and models are, for each class that was named or answered."""
    answers = [each.prediction.predicted for each in findings if each.prediction is not None]
    maps = [item for each in findings for item in each.explanations.values()]
    return agreements(maps, asked.classes or answers)


def _requests(classifier: Classifier, scene: Scene, asked: Asked) -> dict[str, Request]:
    requests = {}
    for name in asked.methods:
        values = settings_for(asked.settings, name, classifier.name)
        checked_settings(method(name), classifier, values)
        try:
            requests[name] = checked_request(name, classifier, scene, values, asked.seed, asked.precision)
        except InputError as error:
            if not asked.lenient:
                raise
            say(f"left out: {error}")
    return requests


def _findings(plan: Plan, prediction: Prediction, asked: Asked, stop: Stop, faults: Faults) -> Findings:
    model = plan.classifier.name
    explanations = {}
    for name, request in plan.requests.items():
        try:
            item = _explanation(name, request, plan.classes, stop)
        except InputError as error:
            faults.add(model, name, error)
            continue
        if item is not None:
            explanations[name] = item
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

    worths = judged(SCORES, _worth) if asked.scores else []
    checks = judged(CHECK, _randomisation) if asked.randomisation else []
    return Findings(plan.classifier, plan.view, plan.scene, explanations, prediction, worths, checks)


def _explanation(name: str, request: Request, classes: Sequence[str], stop: Stop) -> Explanation | None:
    """A method's maps, of as much of the budget as was spent; None before its first step."""
    if stop.asked:
        return None
    estimator = begin(name, request)
    run(estimator, f"{request.classifier.name}: {name}", stop)
    return explanation_of(name, estimator, classes) if estimator.evaluations else None


def _worth(plan: Plan, item: Explanation, label: str, asked: Asked, stop: Stop) -> Documented | None:
    task = WorthTask(plan.classifier, plan.scene, item, label, seed=asked.seed, precision=asked.precision)
    run(task, f"{item.model}: {SCORES.format(item.method, label)}", stop)
    return task.worth() if task.worth().rows else None


def _randomisation(plan: Plan, item: Explanation, label: str, asked: Asked, stop: Stop) -> Documented | None:
    settings = dict(item.settings)
    task = RandomisationTask(plan.classifier, plan.scene, item.method, settings, asked.seed, asked.precision, label)
    ended = run(task, f"{item.model}: {CHECK.format(item.method, label)}", stop)
    return task.result() if ended else None
