"""What the engine, the page and the command line know of an explanation method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.explanation.controls import Control, Settings, budget_of
from core.explanation.estimator import Estimator, Request

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
