"""Preprocessing parameters as short text for an address: `padding~20*lower~80-80-180`, or `mode~bccd`."""

from __future__ import annotations

import json
import re
from typing import Any

from core.errors import InputError
from core.preprocessing.parameters import CellParameters
from core.preprocessing.presets import PRESETS

AUTOMATIC = "automatic"
BETWEEN_FIELDS, BEFORE_VALUE, BETWEEN_NUMBERS = "*", "~", "-"
LONGEST = 800


def default_parameters() -> CellParameters:
    """Return what stands before anybody chose: bounds suggested for the image at hand."""
    return CellParameters(mode=AUTOMATIC)


def parameters_of_mode(mode: str) -> CellParameters | None:
    """Return a preset's parameters, or those that stand for the automatic mode; None for any other mode."""
    if mode == AUTOMATIC:
        return CellParameters(mode=AUTOMATIC)
    return PRESETS[mode].parameters if mode in PRESETS else None


def rightly_named(parameters: CellParameters) -> CellParameters:
    """Return the parameters, their mode “manual” unless they are all that their mode stands for.

    For parameters from a link or a file: a preset's name over other bounds would mislead, and bounds that were once
    suggested for an image are fixed from then on.
    """
    return parameters if parameters == parameters_of_mode(parameters.mode) else parameters.revised()


def parameters_to_text(parameters: CellParameters) -> str:
    """Write a mode that says it all by its name, or else the fields that differ from the defaults."""
    if parameters == parameters_of_mode(parameters.mode):
        return f"mode{BEFORE_VALUE}{parameters.mode}"
    default = CellParameters().model_dump()
    changed = {name: value for name, value in parameters.model_dump().items() if value != default[name]}
    return BETWEEN_FIELDS.join(f"{name}{BEFORE_VALUE}{_value_text(value)}" for name, value in changed.items())


def parameters_from_text(text: str) -> CellParameters:
    """Read what `parameters_to_text` wrote, rightly named; InputError says what is wrong."""
    parts = [part.partition(BEFORE_VALUE) for part in text.split(BETWEEN_FIELDS) if part]
    if len(text) > LONGEST or any(not found for _, found, _ in parts):
        raise InputError("The address carries preprocessing parameters that cannot be read.")
    fields = {name: _value(value) for name, _, value in parts}
    named = parameters_of_mode(str(fields.get("mode"))) if set(fields) == {"mode"} else None
    if named is not None:
        return named
    try:
        return rightly_named(CellParameters.from_json(json.dumps(fields)))
    except InputError as error:
        raise InputError(f"The address carries preprocessing parameters that are not valid. {error}") from None


def _value_text(value: Any) -> str:
    return BETWEEN_NUMBERS.join(str(item) for item in value) if isinstance(value, tuple) else str(value)


def _value(text: str) -> Any:
    if re.fullmatch(r"\d+(-\d+)+", text):
        return [int(number) for number in text.split(BETWEEN_NUMBERS)]
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
