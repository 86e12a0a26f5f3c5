"""The explanation methods that `explain` is asked for, and their settings, as they are typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.explanation.controls import Control
from core.explanation.methods import METHODS, method

ALL = "all"
_FORM = "Write --set method.name=value, as in --set lime.samples=500; for one model alone, method.name@model=value."


@dataclass(frozen=True)
class Setting:
    """One `--set`: a method's control, its value as typed, and the model that it is for ("" for all)."""

    method: str
    name: str
    model: str
    value: str


def chosen_methods(names: Sequence[str]) -> tuple[str, ...]:
    """The methods named, each once; "all" stands for all. InputError for one that there is not."""
    if ALL in names:
        return tuple(METHODS)
    return tuple(dict.fromkeys(method(name).name for name in names))


def parse_settings(texts: Sequence[str], methods: Sequence[str], models: Sequence[str]) -> list[Setting]:
    """Read what `--set` was given; InputError where it has another form, or is about what was not asked for."""
    settings = [_parsed(text) for text in texts]
    for text, setting in zip(texts, settings, strict=True):
        if method(setting.method).name not in methods:
            asked = ", ".join(methods)
            raise InputError(f"--set {text}: {setting.method} is not among the methods asked for ({asked}).")
        if setting.model and setting.model not in models:
            raise InputError(f"--set {text}: there is no model {setting.model!r} here. There are: {', '.join(models)}.")
    return settings


def settings_for(settings: Sequence[Setting], name: str, model: str) -> Mapping[str, str]:
    """A method's settings for one model; those for it alone go before those for all, the later before the earlier."""
    own = [setting for setting in settings if setting.method == name and setting.model in ("", model)]
    return {setting.name: setting.value for setting in sorted(own, key=lambda setting: bool(setting.model))}


def settings_help() -> str:
    """Every method's settings with their ranges and defaults, methods that have the same ones together."""
    paragraphs: dict[str, list[str]] = {}
    for kind in METHODS.values():
        if kind.controls:
            paragraphs.setdefault("; ".join(_control_help(control) for control in kind.controls), []).append(kind.name)
    return "Settings:\n\n" + "\n\n".join(f"{', '.join(names)}: {text}" for text, names in paragraphs.items())


def _control_help(control: Control) -> str:
    if control.kind == "choice":
        return f"{control.name} = {' | '.join(control.choices)} ({control.default})"
    if control.kind == "layer":
        return f"{control.name} = a stage of the network (the last convolution)"
    default = f"{control.default:g}" if isinstance(control.default, int | float) else control.default
    return f"{control.name} = {control.low:g} to {control.high:g} ({default})"


def _parsed(text: str) -> Setting:
    key, equals, value = text.partition("=")
    name, dot, control = key.strip().partition(".")
    control, _, model = control.partition("@")
    if not equals or not dot or not name or not control:
        raise InputError(f"--set {text[:60]!r} cannot be read. {_FORM}")
    return Setting(name, control, model, value.strip())
