"""The choices that stand in the address: each one's name, default, and how it is written there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.explanation.methods import METHODS
from core.explanation.render import DIVERGING, PALETTES
from core.preprocessing.framing import FRAMINGS
from core.runs.place import NAME as RUN
from dashboard.method_settings import NO_SETTINGS, settings_from_text, settings_to_text
from dashboard.parameter_text import default_parameters, parameters_from_text, parameters_to_text

TRAINED = "trained"
ALL = ("all",)
SCALES = ("map", "classes")
MATRIX = ("rates", "counts")
CLASS_FIGURES = ("sensitivity", "precision", "f1", "specificity", "auc")
CURVES = ("accuracy", "loss")
ROC_PARTS = ("whole", "corner")
PRECISIONS = ("auto", "float32")
HIGHEST_SEED = 9999
FORMER_NAMES = {"methods": "method"}  # as older links call it
DEFAULT_METHODS = ("gradcam",)
DEFAULT_BORDERS = ("lime",)  # methods whose superpixels are outlined, as their paper does, not coloured
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


def parse_run(text: str) -> str:
    """Take the name of a training run: letters, digits and `_ . -`."""
    if not RUN.fullmatch(text):
        raise InputError(f"The address asks for the run “{shown(text)}”, which names nothing here.")
    return text


def names_of(what: str) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of names joined by commas; `none` is the empty choice, `all` stands for ALL."""

    def parse(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(","))) if text != "none" else ()
        if any(not NAME.fullmatch(name) for name in names):
            raise InputError(f"The address asks for the {what} “{shown(text)}”, which name nothing here.")
        return names

    return parse


def some_of(what: str, options: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Return a parser of names joined by commas, each one of `options`; `none` is the empty choice."""
    one = one_of(what, options)

    def parse(text: str) -> tuple[str, ...]:
        # A plus sign in a query is a space once decoded: links written by hand say `gradcam++` for `gradcam%2B%2B`.
        names = text.replace(" ", "+").split(",") if text != "none" else []
        return tuple(dict.fromkeys(one(name) for name in names))

    return parse


def joined(names: tuple[str, ...]) -> str:
    """Write names as `names_of` and `some_of` read them."""
    return ",".join(names) or "none"


def shown(text: str) -> str:
    """Shorten foreign text to 40 printable characters, without characters that Markdown or HTML would act on."""
    kept = "".join(letter for letter in text if letter.isprintable() and letter not in "<>[]()`*_$\\|~#!:")
    return kept if len(kept) <= 40 else kept[:39] + "…"


CHOICES: tuple[Choice, ...] = (
    Choice("image", "cell-1", parse_name),
    Choice("models", ALL, names_of("models"), joined),
    Choice("view", TRAINED, one_of("framing", (TRAINED, *FRAMINGS))),
    Choice(
        "truth", False, lambda text: one_of("switch", ("on", "off"))(text) == "on", lambda on: "on" if on else "off"
    ),
    Choice("cell", default_parameters(), parameters_from_text, parameters_to_text),
    Choice("methods", DEFAULT_METHODS, some_of("method", tuple(METHODS)), joined),
    Choice("classes", ALL, names_of("classes"), joined),
    Choice("set", NO_SETTINGS, settings_from_text, settings_to_text),
    Choice("seed", 0, whole_number("the seed", 0, HIGHEST_SEED)),
    Choice("precision", PRECISIONS[0], one_of("precision", PRECISIONS)),
    Choice("borders", DEFAULT_BORDERS, some_of("method", tuple(METHODS)), joined),
    Choice("palette", PALETTES[0], one_of("palette", tuple(PALETTES))),
    Choice("diverging", DIVERGING[0], one_of("palette", DIVERGING)),
    Choice("opacity", 55, whole_number("opacity", 0, 100)),
    Choice("scale", "map", one_of("scale", SCALES)),
    Choice("run", "", parse_run),
    Choice("runs", (), names_of("runs"), joined),
    Choice("matrix", MATRIX[0], one_of("way to count", MATRIX)),
    Choice("figure", CLASS_FIGURES[0], one_of("figure", CLASS_FIGURES)),
    Choice("curves", CURVES[0], one_of("curves", CURVES)),
    Choice("roc", ROC_PARTS[0], one_of("part of the curves", ROC_PARTS)),
)
BY_NAME = {choice.name: choice for choice in CHOICES}


def read(query: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the choices that `query` makes, defaults for the rest, and a message for each value that is invalid."""
    values, problems = {}, {}
    for choice in CHOICES:
        values[choice.name] = choice.default
        text = query.get(choice.name, query.get(FORMER_NAMES.get(choice.name, "")))
        if text is not None:
            try:
                values[choice.name] = choice.parse(text)
            except InputError as error:
                problems[choice.name] = f"{error} The default stands in its place."
    return values, problems


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the query that makes the choices `values`; defaults are left out, so that links stay short."""
    return {
        choice.name: choice.write(values[choice.name]) for choice in CHOICES if values[choice.name] != choice.default
    }
