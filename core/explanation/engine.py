"""From a model, a picture and a method's name to its maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core.classifier import Classifier
from core.errors import InputError
from core.explanation.controls import Settings, Value, resolve
from core.explanation.estimator import Estimator, Request
from core.explanation.explanation import Explanation
from core.explanation.method import Method
from core.explanation.methods import method
from core.explanation.precision import chosen_precision
from core.explanation.scene import Scene

Watcher = Callable[[str, Estimator], None]


def explain(
    classifier: Classifier,
    picture: NDArray[np.uint8] | Scene,
    methods: Sequence[str],
    classes: Sequence[str] | None = None,
    settings: Mapping[str, Settings] | None = None,
    seed: int = 0,
    precision: str = "auto",
    watch: Watcher = lambda name, estimator: None,
) -> dict[str, Explanation]:
    """Explain one framed RGB picture `(h, w, 3) uint8`, or its scene, by each of `methods`, to the end of its budget.

    `settings` holds, by method, the controls that differ from their defaults. `classes` are those shown, all by
    default. `watch` is called with the method's name and its estimator after every step.
    """
    scene = picture if isinstance(picture, Scene) else Scene(picture)
    chosen = known_classes(classifier, classes)
    answers = {}
    for name in dict.fromkeys(methods):
        estimator = start(name, classifier, scene, (settings or {}).get(name), seed, precision)
        while not estimator.done:
            estimator.advance()
            watch(name, estimator)
        answers[name] = explanation_of(name, estimator, chosen)
    return answers


def start(
    name: str,
    classifier: Classifier,
    scene: Scene,
    settings: Settings | None = None,
    seed: int = 0,
    precision: str = "auto",
) -> Estimator:
    """Start the method `name` on a scene; InputError where a setting is wrong or the method does not fit."""
    return begin(name, checked_request(name, classifier, scene, settings, seed, precision))


def begin(name: str, request: Request) -> Estimator:
    """Start the method `name` on a request of `checked_request`."""
    kind = method(name)
    return kind.start(request, kind.budget(request.settings))


def checked_request(
    name: str,
    classifier: Classifier,
    scene: Scene,
    settings: Settings | None = None,
    seed: int = 0,
    precision: str = "auto",
) -> Request:
    """The request that `begin` serves; InputError where a setting is wrong or the method does not fit."""
    kind = method(name)
    values = checked_settings(kind, classifier, settings)
    request = Request(classifier, scene, values, seed, chosen_precision(classifier, kind.family, precision))
    misfit = kind.misfit(request)
    if misfit:
        raise InputError(f"{kind.title} cannot explain this with {classifier.card.title}: {misfit}")
    return request


def checked_settings(kind: Method, classifier: Classifier, settings: Settings | None) -> dict[str, Value]:
    """Every control's value, checked; a layer must be one of the model's stages."""
    try:
        values = resolve(kind.controls, settings)
    except InputError as error:
        raise InputError(f"{kind.name}: {error}") from None
    cuts = classifier.network.cuts
    for control in kind.controls:
        if control.kind == "layer" and values[control.name] not in ("", *cuts):
            given = str(values[control.name])[:40]
            raise InputError(
                f"{kind.name}: {classifier.name} has no layer {given!r}. Choose one of: {', '.join(cuts)}."
            )
    return values


def explanation_of(name: str, estimator: Estimator, classes: Sequence[str] | None = None) -> Explanation:
    """What an estimator has found so far, for `classes` (all by default)."""
    kind, request = method(name), estimator.request
    classifier = request.classifier
    chosen = known_classes(classifier, classes)
    order = [classifier.card.classes.index(label) for label in chosen]
    maps, side = estimator.maps(), request.side
    native = maps.native[order]
    regions = maps.regions
    if regions is not None:
        regions = type(regions)(regions.labels, regions.weights[order], regions.errors[order])
    return Explanation(
        model=classifier.name,
        method=name,
        classes=chosen,
        values=np.stack([interpolate(values, side) for values in native]),
        native=native,
        view=request.scene.picture(side),
        signed=kind.signed,
        explains=kind.explains,
        error=None if maps.error is None else maps.error[order],
        gap=None if maps.gap is None else maps.gap[order],
        regions=regions,
        note=maps.note,
        settings=request.settings,
        seed=request.seed if kind.uncertainty == "standard error" else None,
        precision=request.precision,
        threads=torch.get_num_threads(),
        evaluations=estimator.evaluations,
        budget=estimator.evaluations if estimator.done else estimator.budget,
    )


def interpolate(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bring a map `(h, w)` to `(size, size)` by linear interpolation, as upstream; values stay unscaled."""
    if values.shape == (size, size):
        return values
    return np.asarray(cv2.resize(values, (size, size)), dtype=np.float32)


def known_classes(classifier: Classifier, classes: Sequence[str] | None) -> tuple[str, ...]:
    """The classes asked for, each once and known to the model; all of them where none is named."""
    known = classifier.card.classes
    for name in classes or ():
        if name not in known:
            raise InputError(f"{classifier.name} has no class {name!r}. It has: {', '.join(known)}.")
    return tuple(dict.fromkeys(classes)) if classes else known
