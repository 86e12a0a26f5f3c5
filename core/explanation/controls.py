"""What a method lets its user set: declared and checked once, for the page's forms and the commands' options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import InputError

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
