"""What an explanation method is: the settings it declares, its maps of all classes that sharpen step by step, what the
pages and commands know of it, and how much work makes one step."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from core.explanation.context import ImageContext, nbytes_of
from core.models.classifier import Classifier
from core.models.staged import Need
from core.settings import FieldSpec, Settings, Value, choice_field, fields_of


class MethodSettings(Settings):
    """Base of a method's settings, and the settings of a method that has none.

    `budget_name` is the field that says how long to go on (samples, evaluations, steps): raising it continues a run
    and does not start another.
    """

    budget_name: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _names_of_digits(cls, values: Any) -> Any:
        """Names may be written as numbers ("32"): links and `--set` do not tell them apart."""
        if not isinstance(values, dict):
            return values
        names = {field.name for field in fields_of(cls).values() if field.kind in ("choice", "text")}
        return {
            key: str(value) if key in names and isinstance(value, int | float) else value
            for key, value in values.items()
        }

    @classmethod
    def fields(cls) -> list[FieldSpec]:
        """What its fields say of themselves, the budget's first."""
        return sorted(fields_of(cls).values(), key=lambda field: field.name != cls.budget_name)

    @property
    def budget(self) -> int:
        """Evaluations to be made, at most; 1 where the method has no budget."""
        return int(getattr(self, self.budget_name)) if self.budget_name else 1

    def with_budget(self, budget: int) -> Self:
        """The same with another budget, not below the least that may be chosen; unchanged where there is none."""
        if not self.budget_name:
            return self
        lowest = int(fields_of(type(self))[self.budget_name].low or 1)
        return self.model_copy(update={self.budget_name: max(lowest, budget)})

    @property
    def besides_budget(self) -> tuple[tuple[str, Value], ...]:
        """All that tells two runs apart whatever their budget: sorted names and values."""
        return tuple(sorted((name, value) for name, value in self.model_dump().items() if name != self.budget_name))


LAYER = "layer"  # the one field whose values depend on the model


class LayerSettings(MethodSettings):
    """Settings of a method that weighs the output of one of the network's stages."""

    layer: str = choice_field(
        "",
        "Layer",
        "Stage of the network whose output the map weighs; empty for the last convolution. Earlier ones have finer "
        "grids and say less about the class.",
    )


S_co = TypeVar("S_co", bound=MethodSettings, covariant=True)


@dataclass(frozen=True, eq=False)
class Request(Generic[S_co]):
    """All that decides the maps of the method called `method`: model, picture, settings, seed and number format.

    Made and checked by `checked_request`, at the edge; what takes one asks no further.
    """

    method: str
    classifier: Classifier
    context: ImageContext
    settings: S_co
    seed: int = 0
    precision: str = "float32"

    @property
    def side(self) -> int:
        """The model's input side, px."""
        return self.classifier.card.input_size


@dataclass(frozen=True)
class Regions:
    """Superpixels `labels` `(S, S) int32` from 0, and a weight and its standard error for each, `(K, s) float32`.

    Errors are NaN where there are too few samples to tell.
    """

    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    errors: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Of weights and errors; the superpixels are the context's."""
        return nbytes_of(self.weights, self.errors)


@dataclass(frozen=True)
class Maps:
    """Unscaled maps of all K classes on the grid they were computed on: `native` `(K, h, w) float32`.

    Sampling methods give `error`, the standard error of each value `(K, h, w)`. Methods whose values must add up to a
    difference of outputs give `gap` `(K,)`: (sum of values - difference) / |difference|, signed, 0 where both are 0;
    and that difference as `total` `(K,)`. `unclipped` `(K, h, w)` are the maps before their positive part was taken,
    where the method takes it. `regions` where the method weighs superpixels; `note` is a sentence for the reader where
    there is something to say.
    """

    native: NDArray[np.float32]
    error: NDArray[np.float32] | None = None
    gap: NDArray[np.float32] | None = None
    regions: Regions | None = None
    note: str = ""
    unclipped: NDArray[np.float32] | None = None
    total: NDArray[np.float32] | None = None

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.native, self.error, self.gap, self.regions, self.unclipped, self.total)


class Estimator(ABC):
    """One method's maps of one model for one picture; a `Task`.

    The n-th sample depends on seed and n alone, never on the budget or on how steps were cut, so that a run stopped and
    continued gives the maps of one that went through. `budget` may be raised at any time.
    """

    def __init__(self, request: Request[MethodSettings]) -> None:
        self.request = request
        self.budget = request.settings.budget

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Model evaluations that the maps so far rest on."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the arrays that are its own, as in `Task`."""

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or nothing is left to learn."""
        return self.evaluations >= self.budget

    @abstractmethod
    def advance(self) -> None:
        """Do one step: a few tenths of a second at most, also on the largest model."""

    @abstractmethod
    def maps(self) -> Maps:
        """The maps so far; InputError before the first step of a method that has nothing to show yet."""


NEEDS: dict[Need, str] = {
    "gradients": "the gradients",
    "feature map": "the last feature map",
    "weights": "the single weights",
}

Family = Literal["cam", "masks", "gradients"]


def _fits_all(request: Request[Any]) -> str | None:
    return None


@dataclass(frozen=True)
class Method:
    """A method: its names, what it explains and how it is read, its source, and what its user can set.

    `family` is "cam" (activations and gradients of one pass), "masks" (evaluations of partly hidden pictures) or
    "gradients" (many gradients). `signed` maps hold evidence against as negative values. `per_class` is False where all
    classes have the same map. `uncertainty` names what tells how settled a map is: "standard error", "gap" or "".
    `start` makes the estimator of a request; `misfit` returns why a request cannot be served, or None. `averages` tells
    whether a value is a mean over many evaluations, in which rounding evens out: where it is a difference of few,
    "auto" never takes a faster number format. `linear` methods' values, before any clipping, are linear in the output
    explained: the values of one class less those of another explain the difference of the two outputs. `needs` is what
    it needs of the network besides its answers.
    """

    name: str
    title: str
    family: Family
    signed: bool
    explains: str
    paper: str
    help: str
    start: Callable[[Request[Any]], Estimator]
    settings: type[MethodSettings] = MethodSettings
    uncertainty: str = ""
    per_class: bool = True
    averages: bool = True
    linear: bool = False
    misfit: Callable[[Request[Any]], str | None] = _fits_all
    needs: tuple[Need, ...] = ()

    def unfit(self, classifier: Classifier) -> str:
        """Why it cannot explain this model, whatever the picture, in one sentence; "" where it can."""
        lacks = classifier.network.lacks
        missing = next((need for need in self.needs if need in lacks), None)
        if missing is None:
            return ""
        return f"{self.title} needs {NEEDS[missing]} of {classifier.card.title}: {lacks[missing]}."

    @property
    def instant(self) -> bool:
        """Whether the map is there after one pass: no budget to spend."""
        return not self.settings.budget_name

    @property
    def budget(self) -> FieldSpec | None:
        """The setting that says how long to go on, if there is one."""
        return fields_of(self.settings).get(self.settings.budget_name)


STEP = 0.3  # s: long enough to be worth the handover between tasks, short enough that nobody waits for it

LARGE = 10_000_000  # parameters


def block_size(classifier: Classifier) -> int:
    """Pictures that a step evaluates at least: few where one takes long, more where a pass costs more than its work.

    It depends on the model alone, never on the clock, so that rounding is the same in every run.
    """
    return 4 if classifier.card.parameters > LARGE else 16


def one_step(block: Callable[[], None], more: Callable[[], bool], seconds: float = STEP) -> None:
    """Call `block` while there is `more`, at least once, until the next would end after `seconds`."""
    started = last = time.perf_counter()
    while more():
        block()
        now = time.perf_counter()
        if now - started + now - last > seconds:
            return
        last = now
