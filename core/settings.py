"""Settings as typed models: the one base of all of them, what each field says of itself (for forms, help and messages),
what is wrong in plain words, and `key=value` texts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from core.errors import InputError

Value = int | float | str

Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]
"""Red, green and blue, each 0 to 255."""

Kind = Literal["int", "float", "choice", "switch", "colour", "text"]

SHA256 = r"^[0-9a-f]{64}$"  # as a file holds it: in hexadecimal digits
MOST_FAULTS = 5  # told at a time
MOST_LISTED = 12  # known names told beside an unknown one
PLAIN_FAULTS = {
    "missing": "is missing",
    "json_invalid": "is not valid JSON",
    "model_type": "must be a table of names and values",
    "model_attributes_type": "must be a table of names and values",
    "tuple_type": "must be a list",
}
TEXT_FAULTS = ("string_pattern_mismatch", "string_too_long", "string_too_short")
LONGEST_SHOWN = 60  # characters of a value in a message


class Settings(BaseModel):
    """Base of all settings: frozen, no unknown field, no value of another type, no infinity.

    A field carries its title, a sentence of explanation and its limits, from which forms, help and messages are made
    (`fields_of`). Where something is wrong `of` and `revised` say in plain words what.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, /, **values: Any) -> Self:
        """Settings with `values`, the rest as by default; InputError names each that is wrong and why."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(f"{faults(error, cls)}.") from None

    def revised(self, /, **changes: Any) -> Self:
        """A checked copy with `changes`; InputError as from `of`."""
        return self.of(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})

    @property
    def changed(self) -> dict[str, Any]:
        """The fields whose values are not the defaults."""
        fields = fields_of(type(self)).values()
        return {field.name: value for field in fields if (value := getattr(self, field.name)) != field.default}


def number_field(default: float, low: float, high: float, title: str, description: str) -> Any:
    """A field that holds a number from `low` to `high`; whether whole or not its type says."""
    return Field(default=default, ge=low, le=high, title=title, description=description)


def choice_field(default: str, title: str, description: str) -> Any:
    """A field that holds one of the names that its type, a Literal, lists; or a text."""
    return Field(default=default, title=title, description=description)


@dataclass(frozen=True)
class FieldSpec:
    """What a field says of itself: numbers lie in [`low`, `high`], a "choice" is one of `choices`.

    Where `open_low` is set, `low` itself is not allowed.
    """

    name: str
    kind: Kind
    title: str
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    open_low: bool = False

    @property
    def demand(self) -> str:
        """What a value must be, as in "a whole number from 1 to 31"."""
        sort = {"int": "a whole number", "float": "a number", "switch": "true or false", "text": "a text"}
        if self.kind == "choice":
            return f"one of: {', '.join(self.choices)}"
        if self.kind == "colour":
            return "red, green and blue, each a whole number from 0 to 255"
        return sort[self.kind] + self._range

    @property
    def _range(self) -> str:
        if self.open_low and self.low is not None:
            most = "" if self.high is None else f", at most {plain_number(self.high)}"
            return f" above {plain_number(self.low)}{most}"
        if self.low is not None and self.high is not None:
            return f" from {plain_number(self.low)} to {plain_number(self.high)}"
        if self.low is not None:
            return f" from {plain_number(self.low)} up"
        return f" up to {plain_number(self.high)}" if self.high is not None else ""


def plain_number(number: float) -> str:
    """A limit or default in words: 20000 -> "20,000", 0.25 -> "0.25"."""
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def fields_of(model: type[BaseModel]) -> dict[str, FieldSpec]:
    """Every field of a model that a person can set by itself, by name; nested models and lists are left out."""
    found = {name: _spec(name, field) for name, field in model.model_fields.items()}
    return {name: spec for name, spec in found.items() if spec is not None}


def _spec(name: str, field: FieldInfo) -> FieldSpec | None:
    kind = _kind(field.annotation)
    if kind is None:
        return None
    low, high = _limit(field, "ge", "gt"), _limit(field, "le", "lt")
    choices = get_args(field.annotation) if kind == "choice" else ()
    title = field.title or name.replace("_", " ").capitalize()
    open_low = _limit(field, "gt") is not None
    return FieldSpec(name, kind, title, field.description or "", field.get_default(), low, high, choices, open_low)


def _kind(annotation: Any) -> Kind | None:
    plain: dict[Any, Kind] = {int: "int", float: "float", bool: "switch", str: "text", Colour: "colour"}
    if get_origin(annotation) is Literal:
        return "choice"
    options = [part for part in get_args(annotation) if part is not NoneType]
    return plain.get(annotation) or (plain.get(options[0]) if len(options) == 1 else None)


def _limit(field: FieldInfo, *names: str) -> float | None:
    found = (getattr(item, name, None) for item in field.metadata for name in names)
    return next((limit for limit in found if limit is not None), None)


def faults(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with values for `model`, a clause each, at most MOST_FAULTS; keys are dotted."""
    problems = error.errors(include_url=False)
    # A list short of its bad entries alone is not too short.
    told = [item for item in problems if item["type"] != "too_short" or not item["input"]] or problems
    return "; ".join(dict.fromkeys(_fault(item, model) for item in told[:MOST_FAULTS]))


def _fault(problem: Any, model: type[BaseModel]) -> str:
    place, owner = problem["loc"], _owner(problem["loc"], model)
    spec = fields_of(owner).get(next((part for part in reversed(place) if part in owner.model_fields), ""))
    if spec is not None and spec.kind == "colour":
        place = place[: place.index(spec.name) + 1]
    key = _shown(".".join(map(str, place)))[1:-1]
    if problem["type"] == "extra_forbidden":
        known = ", ".join(owner.model_fields)
        listed = f" (known: {known})" if known and len(owner.model_fields) <= MOST_LISTED else ""
        return f"'{key}' is not known here{listed}"
    if problem["type"] == "value_error":
        told = str(problem["msg"]).removeprefix("Value error, ")
        return f"{key}: {told}" if key else told
    if spec is not None and problem["type"] not in (*PLAIN_FAULTS, *TEXT_FAULTS):
        return f"{key} must be {spec.demand}, not {_shown(problem['input'])}"
    message = PLAIN_FAULTS.get(problem["type"]) or re.sub("^(Input|Tuple|String) should", "should", problem["msg"])
    return f"{key or 'it'} {message}"


def _owner(place: Sequence[int | str], model: type[BaseModel]) -> type[BaseModel]:
    """The model in which the last named field of `place` stands: `model` itself, or one nested in it."""
    for part in place[:-1]:
        field = model.model_fields.get(str(part))
        inner = None if field is None else next(_models_in(field.annotation), None)
        model = inner or model
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def assignments(texts: Iterable[str], form: str) -> dict[str, Any]:
    """Read `--set` texts, `key=value` with a TOML value (a bare word is a text), the last of a key's winning.

    InputError names the first text of another form, and says that it should have `form`.
    """
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {_shown(text)} cannot be read. {form}")
        found[key.strip()] = toml_value(value.strip())
    return found


def toml_value(text: str) -> Any:
    """The TOML value that `text` is; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # numbers of thousands of digits and deep nesting are no TOML errors
        return text
