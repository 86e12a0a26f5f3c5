"""The choices that stand in the address: each one's name, default, and how it is written there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.explanation.methods import METHODS
from core.explanation.render import PALETTES
from core.preprocessing.framing import FRAMINGS
from dashboard.parameter_text import default_parameters, parameters_from_text, parameters_to_text

TRAINED = "trained"
ALL = ("all",)
SCALES = ("map", "classes")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}")


@dataclass(frozen=True)
class Choice:
    """One shared choice: its query parameter, its default, and the way to and from text (InputError if invalid)."""

    name: str
    default: Any
    parse: Callable[[str], Any]
    write: Callable[[Any], str] = str


def one_of(what: str, options: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser that takes one of `options` and otherwise names them."""

    def parse(text: str) -> str:
        if text not in options:
            raise InputError(f"The address asks for the {what} “{shown(text)}”; there are: {', '.join(options)}.")
        return text

    return parse


def whole_number(what: str, lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `lowest` to `highest`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,6}", text) or not lowest <= int(text) <= highest:
            raise InputError(f"The address gives {what} as “{shown(text)}”; it goes from {lowest} to {highest}.")
        return int(text)

    return parse


def parse_name(text: str) -> str:
    """Take a name of letters, digits and `_ . + -`."""
    if not NAME.fullmatch(text):
        raise InputError(f"The address asks for the image “{shown(text)}”, which names nothing here.")
    return text


def parse_names(text: str) -> tuple[str, ...]:
    """Take names joined by commas; `none` is the empty choice."""
    names = tuple(dict.fromkeys(text.split(","))) if text != "none" else ()
    if any(not NAME.fullmatch(name) for name in names):
        raise InputError(f"The address asks for the models “{shown(text)}”, which name nothing here.")
    return names


def shown(text: str) -> str:
    """Shorten foreign text to 40 printable characters, without characters that Markdown or HTML would act on."""
    kept = "".join(letter for letter in text if letter.isprintable() and letter not in "<>[]()`*_$\\|~#!:")
    return kept if len(kept) <= 40 else kept[:39] + "…"


CHOICES: tuple[Choice, ...] = (
    Choice("image", "cell-1", parse_name),
    Choice("models", ALL, parse_names, lambda names: ",".join(names) or "none"),
    Choice("view", TRAINED, one_of("framing", (TRAINED, *FRAMINGS))),
    Choice(
        "truth", False, lambda text: one_of("switch", ("on", "off"))(text) == "on", lambda on: "on" if on else "off"
    ),
    Choice("cell", default_parameters(), parameters_from_text, parameters_to_text),
    Choice("method", next(iter(METHODS)), one_of("method", tuple(METHODS))),
    Choice("palette", PALETTES[0], one_of("palette", tuple(PALETTES))),
    Choice("opacity", 55, whole_number("opacity", 0, 100)),
    Choice("scale", "map", one_of("scale", SCALES)),
)
BY_NAME = {choice.name: choice for choice in CHOICES}


def read(query: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the choices that `query` makes, defaults for the rest, and a message for each value that is invalid."""
    values, problems = {}, {}
    for choice in CHOICES:
        values[choice.name] = choice.default
        if choice.name in query:
            try:
                values[choice.name] = choice.parse(query[choice.name])
            except InputError as error:
                problems[choice.name] = f"{error} The default stands in its place."
    return values, problems


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the query that makes the choices `values`; defaults are left out, so that links stay short."""
    return {
        choice.name: choice.write(values[choice.name]) for choice in CHOICES if values[choice.name] != choice.default
    }
