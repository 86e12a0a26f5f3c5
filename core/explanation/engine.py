"""From a model, a picture and a method's name to an `Explanation`: one method's maps of all classes of one model, in
the precision asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import ImageContext, nbytes_of
from core.explanation.method import Estimator, Family, LayerSettings, Method, MethodSettings, Regions, Request
from core.explanation.methods.registry import method
from core.models.classifier import Classifier
from core.models.registry import ARCHITECTURES
from core.models.staged import DTYPES, processor_has
from core.settings import Value

Chosen = MethodSettings | Mapping[str, Value]
"""Settings of one method, or those of them that are not as by default, by name."""

Watcher = Callable[[str, Estimator], None]

PRECISIONS: tuple[str, ...] = ("auto", *DTYPES)
FAITHFUL = 0.99  # rank correlation with float32's maps that a faster format must reach


@dataclass(frozen=True)
class Explanation:
    """Unscaled maps: `values` `(K, S, S) float32` in the order of `classes`, over `view` `(S, S, 3) uint8`.

    `native` `(K, h, w) float32` are the same maps on the grid that they were computed on; `values` interpolates them.
    `signed` tells whether negative values mean evidence against. `explains` names the output that is explained.
    `error` is the standard error of `native`, `gap` the relative completeness gap `(K,)`, `regions` the superpixels and
    their weights, `unclipped` `(K, h, w)` the maps before their positive part was taken, `total` `(K,)` what values
    must add up to: None where the method has no such thing. `evaluations` are the model evaluations it rests on, of
    `budget`; `against` is the class that the maps are contrasted with ("" for plain maps); the rest says how it was
    made.
    """

    model: str
    method: str
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    native: NDArray[np.float32]
    view: NDArray[np.uint8]
    signed: bool
    explains: str
    error: NDArray[np.float32] | None = None
    gap: NDArray[np.float32] | None = None
    regions: Regions | None = None
    note: str = ""
    settings: MethodSettings = field(default_factory=MethodSettings)
    seed: int | None = None
    precision: str = "float32"
    threads: int = 0
    evaluations: int = 1
    budget: int = 1
    unclipped: NDArray[np.float32] | None = None
    total: NDArray[np.float32] | None = None
    against: str = ""

    def map_of(self, name: str) -> NDArray[np.float32]:
        """The map `(S, S)` of the class `name`."""
        return np.asarray(self.values[self.classes.index(name)])

    @property
    def nbytes(self) -> int:
        """Of its arrays; the view is the context's."""
        return nbytes_of(self.values, self.native, self.error, self.gap, self.regions, self.unclipped, self.total)

    @property
    def maxima(self) -> dict[str, float]:
        """The raw maximum of each class's map, on its native grid."""
        return {name: float(values.max()) for name, values in zip(self.classes, self.native, strict=True)}

    @property
    def complete(self) -> bool:
        """Whether the whole budget was spent, or more of it would have told nothing new."""
        return self.evaluations >= self.budget


def has_evidence(values: NDArray[np.float32]) -> bool:
    """Whether a map says anything at all: some value is not zero."""
    return bool(np.any(values != 0))


def checked_precision(wanted: str) -> str:
    """`wanted` itself; InputError where there is no such number format."""
    if wanted not in PRECISIONS:
        raise InputError(f"No precision {wanted!r}. Choose one of: {', '.join(PRECISIONS)}.")
    return wanted


def chosen_precision(classifier: Classifier, family: Family, wanted: str = "auto") -> str:
    """Return the format for methods of `family` ("masks" or "gradients") on this model and machine.

    "auto" is bfloat16 where the processor has it, the architecture is faster in it, and the model's card says that its
    maps keep a rank correlation of FAITHFUL with float32's; float32 everywhere else. Gradient CAMs ("cam") and programs
    whose weights are not to be had are float32.
    """
    checked_precision(wanted)
    if wanted == "float32" or family == "cam" or "weights" in classifier.network.lacks:
        return "float32"
    if wanted != "auto":
        return wanted
    kind = ARCHITECTURES.get(classifier.card.architecture)
    gains = kind is not None and family not in kind.slow_in_bfloat16
    faithful = classifier.card.bfloat16.get(family, 0.0) >= FAITHFUL
    return "bfloat16" if gains and faithful and processor_has("bfloat16", classifier.device) else "float32"


def explain(
    classifier: Classifier,
    picture: NDArray[np.uint8] | ImageContext,
    methods: Sequence[str],
    classes: Sequence[str] | None = None,
    settings: Mapping[str, Chosen] | None = None,
    seed: int = 0,
    precision: str = "auto",
    watch: Watcher = lambda name, estimator: None,
) -> dict[str, Explanation]:
    """Explain one framed RGB picture `(h, w, 3) uint8`, or its context, by each of `methods`, to the end of its budget.

    `settings` holds, by method, those that are not as by default. `classes` are those shown, all by
    default. `watch` is called with the method's name and its estimator after every step.
    """
    context = picture if isinstance(picture, ImageContext) else ImageContext(picture)
    chosen = checked_classes(classifier, classes)
    answers = {}
    for name in dict.fromkeys(methods):
        estimator = start(name, classifier, context, (settings or {}).get(name), seed, precision)
        while not estimator.done:
            estimator.advance()
            watch(name, estimator)
        answers[name] = explanation_of(estimator, chosen)
    return answers


def start(
    name: str,
    classifier: Classifier,
    context: ImageContext,
    settings: Chosen | None = None,
    seed: int = 0,
    precision: str = "auto",
) -> Estimator:
    """Check what is asked for, as `checked_request`, and start on it."""
    return start_checked(checked_request(name, classifier, context, settings, seed, precision))


def start_checked(request: Request[MethodSettings]) -> Estimator:
    """Start on a request of `checked_request`."""
    return method(request.method).start(request)


def checked_request(
    name: str,
    classifier: Classifier,
    context: ImageContext,
    settings: Chosen | None = None,
    seed: int = 0,
    precision: str = "auto",
) -> Request[MethodSettings]:
    """The request that all work on maps starts from; InputError where a setting is wrong or the method does not fit.

    `precision` is a number format, or "auto" for what `chosen_precision` finds.
    """
    kind = method(name)
    unfit = kind.unfit(classifier)
    if unfit:
        raise InputError(unfit)
    chosen = checked_settings(kind, classifier, settings)
    wanted = "float32" if precision == "auto" and not kind.averages else precision
    resolved = chosen_precision(classifier, kind.family, wanted)
    request = Request(name, classifier, context, chosen, seed, resolved)
    misfit = kind.misfit(request)
    if misfit:
        raise InputError(f"{kind.title} cannot explain this with {classifier.card.title}: {misfit}")
    return request


def checked_settings(kind: Method, classifier: Classifier, settings: Chosen | None) -> MethodSettings:
    """All of a method's settings, checked; a layer must be one of the model's stages."""
    try:
        chosen = settings if isinstance(settings, kind.settings) else kind.settings.of(**dict(settings or {}))
    except InputError as error:
        raise InputError(f"{kind.name}: {error}") from None
    cuts = classifier.network.cuts
    if isinstance(chosen, LayerSettings) and chosen.layer not in ("", *cuts):
        given = chosen.layer[:40]
        raise InputError(f"{kind.name}: {classifier.name} has no layer {given!r}. Choose one of: {', '.join(cuts)}.")
    return chosen


def explanation_of(estimator: Estimator, classes: Sequence[str] | None = None) -> Explanation:
    """What an estimator has found so far, for `classes` (all by default)."""
    request = estimator.request
    kind, classifier = method(request.method), request.classifier
    chosen = checked_classes(classifier, classes)
    order = [classifier.card.classes.index(label) for label in chosen]
    maps, side = estimator.maps(), request.side
    native = maps.native[order]
    regions = maps.regions
    if regions is not None:
        regions = type(regions)(regions.labels, regions.weights[order], regions.errors[order])
    return Explanation(
        model=classifier.name,
        method=kind.name,
        classes=chosen,
        values=np.stack([interpolate(values, side) for values in native]),
        native=native,
        view=request.context.picture(side),
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
        unclipped=None if maps.unclipped is None else maps.unclipped[order],
        total=None if maps.total is None else maps.total[order],
    )


def interpolate(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bring a map `(h, w)` to `(size, size)` by linear interpolation, as upstream; values stay unscaled."""
    if values.shape == (size, size):
        return values
    return np.asarray(cv2.resize(values, (size, size)), dtype=np.float32)


def checked_classes(classifier: Classifier, classes: Sequence[str] | None) -> tuple[str, ...]:
    """The classes asked for, each once and known to the model; all of them where none is named."""
    known = classifier.card.classes
    for name in classes or ():
        if name not in known:
            raise InputError(f"{classifier.name} has no class {name!r}. It has: {', '.join(known)}.")
    return tuple(dict.fromkeys(classes)) if classes else known
