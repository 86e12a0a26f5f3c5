"""`explain --set`: a method's settings from `method.name=value` texts, for one model or all, and the help on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.explanation.method import LAYER
from core.explanation.methods.registry import METHODS, method
from core.settings import FieldSpec, Value, assignments

_FORM = "Write --set method.name=value, as in --set lime.samples=500; for one model alone, method.name@model=value."


@dataclass(frozen=True)
class Setting:
    """One `--set`: a method's field, its value, and the model that it is for ("" for all)."""

    method: str
    name: str
    model: str
    value: Value

    def __str__(self) -> str:
        return f"{self.method}.{self.name}{f'@{self.model}' if self.model else ''}={self.value}"


def parse_settings(texts: Sequence[str], methods: Sequence[str], models: Sequence[str]) -> list[Setting]:
    """Read what `--set` was given; InputError where it has another form, or is about what was not asked for."""
    settings = [_setting(key, value) for key, value in assignments(texts, _FORM).items()]
    for setting in settings:
        if method(setting.method).name not in methods:
            asked = ", ".join(methods)
            raise InputError(f"--set {setting}: {setting.method} is not among the methods asked for ({asked}).")
        if setting.model and setting.model not in models:
            known = ", ".join(models)
            raise InputError(f"--set {setting}: there is no model {setting.model!r} here. There are: {known}.")
    return settings


def chosen_settings(settings: Sequence[Setting], name: str, model: str) -> dict[str, Any]:
    """A method's settings for one model; those for it alone go before those for all."""
    own = [setting for setting in settings if setting.method == name and setting.model in ("", model)]
    return {setting.name: setting.value for setting in sorted(own, key=lambda setting: bool(setting.model))}


def settings_help() -> str:
    """Every method's settings with their ranges and defaults, methods that have the same ones together."""
    paragraphs: dict[str, list[str]] = {}
    for kind in METHODS.values():
        if fields := kind.settings.fields():
            paragraphs.setdefault("; ".join(_field_help(field) for field in fields), []).append(kind.name)
    return "Settings:\n\n" + "\n\n".join(f"{', '.join(names)}: {text}" for text, names in paragraphs.items())


def _field_help(field: FieldSpec) -> str:
    if field.name == LAYER:
        return f"{LAYER} = a stage of the network (the last convolution)"
    if field.kind == "choice":
        return f"{field.name} = {' | '.join(field.choices)} ({field.default})"
    return f"{field.name} = {field.low:g} to {field.high:g} ({field.default:g})"


def _setting(key: str, value: Value) -> Setting:
    name, dot, field = key.partition(".")
    field, _, model = field.partition("@")
    if not dot or not name or not field:
        raise InputError(f"--set {key[:60]!r} cannot be read. {_FORM}")
    return Setting(name, field, model, value)
