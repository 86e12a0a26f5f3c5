"""What an explanation method is: the controls it declares, its maps of all classes that sharpen step by step, what the
pages and commands know of it, and how much work makes one step."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.explanation.context import ImageContext, nbytes_of
from core.models.classifier import Classifier

Value = int | float | str

Settings = Mapping[str, Value]


@dataclass(frozen=True)
class Control:
    """One setting: `kind` is "int", "float", "choice" or "layer"; numbers lie in [`low`, `high`].

    A "layer" names one of the model's stages, "" its default cut; which there are is the model's to say.

    `budget` marks the one that says how long to go on (samples, evaluations, steps): raising it continues a run
    and does not start another.
    """

    name: str
    title: str
    kind: str
    default: Value
    help: str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    budget: bool = False

    def checked(self, value: Value) -> Value:
        """Return `value`, text or number, as this control's type; InputError says what is allowed."""
        if self.kind == "layer":
            return str(value)
        if self.kind == "choice":
            if value not in self.choices:
                raise InputError(
                    f"{self.name} cannot be {str(value)[:40]!r}. Choose one of: {', '.join(self.choices)}."
                )
            return str(value)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        whole = self.kind == "int"
        if not self.low <= number <= self.high or (whole and number != int(number)):
            sort = "a whole number" if whole else "a number"
            raise InputError(f"{self.name} must be {sort} from {self.low:g} to {self.high:g}, not {str(value)[:40]!r}.")
        return int(number) if whole else number


def resolve(controls: Sequence[Control], chosen: Settings | None = None) -> dict[str, Value]:
    """Every control's value: the one chosen, checked, or the default; InputError for a name that is no control."""
    chosen = chosen or {}
    names = [control.name for control in controls]
    for name in chosen:
        if name not in names:
            known = f"It has: {', '.join(names)}." if names else "It has none."
            raise InputError(f"No setting {name!r}. {known}")
    return {control.name: control.checked(chosen.get(control.name, control.default)) for control in controls}


def budget_of(controls: Sequence[Control]) -> Control | None:
    """The control that says how long to go on, if there is one."""
    return next((control for control in controls if control.budget), None)


@dataclass(frozen=True, eq=False)
class Request:
    """All that decides a method's maps: model, picture, settings (every control's value), seed and precision."""

    classifier: Classifier
    context: ImageContext
    settings: Settings
    seed: int = 0
    precision: str = "float32"

    @property
    def side(self) -> int:
        """The model's input side, px."""
        return self.classifier.card.input_size

    def number(self, name: str) -> int:
        """A whole-number setting."""
        return int(self.settings[name])

    def text(self, name: str) -> str:
        """A setting that is a name."""
        return str(self.settings[name])


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
    difference of outputs give `gap` `(K,)`: (sum of values - difference) / |difference|, signed, 0 where both are 0.
    `regions` where the method weighs superpixels; `note` is a sentence for the reader where there is something to say.
    """

    native: NDArray[np.float32]
    error: NDArray[np.float32] | None = None
    gap: NDArray[np.float32] | None = None
    regions: Regions | None = None
    note: str = ""

    @property
    def nbytes(self) -> int:
        """Of its arrays."""
        return nbytes_of(self.native, self.error, self.gap, self.regions)


class Estimator(ABC):
    """One method's maps of one model for one picture; a `Task`.

    The n-th sample depends on seed and n alone, never on the budget or on how steps were cut, so that a run stopped and
    continued gives the maps of one that went through. `budget` may be raised at any time.
    """

    def __init__(self, request: Request, budget: int) -> None:
        self.request = request
        self.budget = budget

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


Family = Literal["cam", "masks", "gradients"]


def _fits_all(request: Request) -> str | None:
    return None


@dataclass(frozen=True)
class Method:
    """A method: its names, what it explains and how it is read, its source, and what its user can set.

    `family` is "cam" (activations and gradients of one pass), "masks" (evaluations of partly hidden pictures) or
    "gradients" (many gradients). `signed` maps hold evidence against as negative values. `per_class` is False where all
    classes have the same map. `uncertainty` names what tells how settled a map is: "standard error", "gap" or "".
    `start` makes the estimator of a request with a budget; `misfit` returns why a request cannot be served, or None.
    """

    name: str
    title: str
    family: Family
    signed: bool
    explains: str
    paper: str
    help: str
    start: Callable[[Request, int], Estimator]
    controls: tuple[Control, ...] = ()
    uncertainty: str = ""
    per_class: bool = True
    misfit: Callable[[Request], str | None] = _fits_all

    @property
    def instant(self) -> bool:
        """Whether the map is there after one pass: no budget to spend."""
        return budget_of(self.controls) is None

    def budget(self, settings: Settings) -> int:
        """The budget that `settings` give, or the default; 1 where the method has none."""
        control = budget_of(self.controls)
        return 1 if control is None else int(settings.get(control.name, control.default))


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
