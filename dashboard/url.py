"""What stands in the address: first methods' settings as short text (`lime.regions:80,gradcam.layer@vgg19:features.30`)
and preprocessing parameters (`padding~20*lower~80-80-180`, or `mode~bccd`), then each choice's name and default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.explanation.method import LAYER, Method, MethodSettings
from core.explanation.methods.registry import METHODS
from core.explanation.render import DIVERGING, PALETTES
from core.lessons.reader import MOST_STEPS
from core.preprocessing.cells import MOST_CELLS
from core.preprocessing.framing import FRAMINGS
from core.preprocessing.parameters import PRESETS, CellParameters
from core.runs.directory import NAME as RUN
from core.settings import FieldSpec, Value
from core.simulation import CellDesign

ChosenSettings = Mapping[str, Mapping[str, Value]]
"""By method, what was chosen; a layer may be chosen for one model alone, as `layer@model`."""

NO_SETTINGS: ChosenSettings = {}

BETWEEN_NUMBERS, BEFORE_NAME, BEFORE_MODEL = "-", ".", "@"


@dataclass(frozen=True)
class SettingsCodec:
    """The way from settings to short text and back: names and values, `before` between the two and `between` entries.

    Colours stand as `80-80-180`. Text of more than `longest` characters is refused.
    """

    between: str
    before: str
    longest: int

    def write(self, values: Mapping[str, Any]) -> str:
        """Write names and values."""
        return self.between.join(f"{name}{self.before}{self._text(value)}" for name, value in values.items())

    def read(self, text: str) -> list[tuple[str, Any]]:
        """Read names and values, in order and unchecked; InputError where the text has another form."""
        if len(text) > self.longest:
            raise InputError("they are too long to be read")
        found = []
        for entry in filter(None, text.split(self.between)):
            name, given, value = entry.partition(self.before)
            if not given or not name:
                raise InputError(f"“{_readable(entry)}” has no value")
            found.append((name, self._value(value)))
        return found

    @staticmethod
    def _text(value: Any) -> str:
        return BETWEEN_NUMBERS.join(str(item) for item in value) if isinstance(value, tuple) else str(value)

    @staticmethod
    def _value(text: str) -> Any:
        if re.fullmatch(r"\d+(-\d+)+", text):
            return tuple(int(number) for number in text.split(BETWEEN_NUMBERS))
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text


METHODS_CODEC = SettingsCodec(between=",", before=":", longest=1200)
PARAMETERS_CODEC = SettingsCodec(between="*", before="~", longest=800)


def settings_to_text(settings: ChosenSettings) -> str:
    """Write what was chosen; the defaults of the rest go without saying."""
    named = {f"{method}{BEFORE_NAME}{name}": value for method in settings for name, value in settings[method].items()}
    return METHODS_CODEC.write(named)


def settings_from_text(text: str) -> ChosenSettings:
    """Read what `settings_to_text` wrote, checked by each method's settings; InputError says what is wrong."""
    settings: ChosenSettings = NO_SETTINGS
    try:
        # A plus sign in a query is a space once decoded; no name or value holds a space.
        entries = METHODS_CODEC.read(text.replace(" ", "+"))
    except InputError as error:
        raise InputError(f"The address carries settings of the methods that cannot be read: {error}.") from None
    if not entries:
        raise InputError("The address carries settings of the methods that say nothing.")
    for key, value in entries:
        method, _, name = key.partition(BEFORE_NAME)
        if method not in METHODS or not name:
            raise InputError(f"The address carries the setting “{_readable(key)}”, which no method has.")
        try:
            settings = with_setting(settings, METHODS[method], name, value)
        except InputError as error:
            raise InputError(
                f"The address carries a setting of {METHODS[method].title} that is not valid. {error}"
            ) from None
    return settings


def with_setting(settings: ChosenSettings, method: Method, name: str, value: Value) -> ChosenSettings:
    """Return the settings with one changed, checked; a default is left out. `name` may end in `@model`."""
    field = _field(method, name)
    checked = getattr(method.settings.of(**{field.name: value}), field.name)
    if field.name == LAYER and _readable(checked) != checked:
        raise InputError("A layer's name has letters, digits and . _ - alone.")
    values = {**settings.get(method.name, {}), name: checked}
    kept = {key: item for key, item in values.items() if item != _otherwise(method, values, key)}
    changed = {**settings, method.name: kept}
    return {key: changed[key] for key in METHODS if changed.get(key)}


def setting(settings: ChosenSettings, method: Method, field: FieldSpec, model: str = "") -> Value:
    """Return the value of a field: the one chosen for the model, the one for all, or the default."""
    chosen = settings.get(method.name, {})
    return chosen.get(of_model(field.name, model), chosen.get(field.name, field.default))


def settings_for(settings: ChosenSettings, method: Method, model: str) -> MethodSettings:
    """Return the settings that one model gets."""
    return method.settings.of(
        **{field.name: setting(settings, method, field, model) for field in method.settings.fields()}
    )


def of_model(name: str, model: str) -> str:
    """Return what a setting is called where it is one model's alone."""
    return f"{name}{BEFORE_MODEL}{model}"


def _otherwise(method: Method, values: Mapping[str, Value], name: str) -> Value:
    """What stands where `name` is not set: for one model's layer that of all models."""
    field = _field(method, name)
    return values.get(field.name, field.default) if name != field.name else field.default


def _field(method: Method, name: str) -> FieldSpec:
    base, separator, model = name.partition(BEFORE_MODEL)
    fields = {field.name: field for field in method.settings.fields()}
    if base not in fields or (separator and (base != LAYER or not model or _readable(model) != model)):
        raise InputError(f"There is no setting “{_readable(name)}”. It has: {', '.join(fields) or 'none'}.")
    return fields[base]


def _readable(text: str) -> str:
    """Keep letters, digits and `. _ + - : @`, at most 40 of them."""
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "._+-:@"))[:40]


AUTOMATIC = "automatic"


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
    by_name = parameters == parameters_of_mode(parameters.mode)
    return PARAMETERS_CODEC.write({"mode": parameters.mode} if by_name else parameters.changed)


def parameters_from_text(text: str) -> CellParameters:
    """Read what `parameters_to_text` wrote, rightly named; InputError says what is wrong."""
    try:
        fields = dict(PARAMETERS_CODEC.read(text))
        named = parameters_of_mode(str(fields.get("mode"))) if set(fields) == {"mode"} else None
        return named or rightly_named(CellParameters.of(**fields))
    except InputError as error:
        raise InputError(f"The address carries preprocessing parameters that are not valid. {error}") from None


def design_from_text(text: str) -> CellDesign:
    """Read a drawn cell's design, checked; InputError says what is wrong."""
    try:
        return CellDesign.of(**dict(PARAMETERS_CODEC.read(text)))
    except InputError as error:
        raise InputError(f"The address carries a drawn cell that is not valid. {error}") from None


def design_to_text(design: CellDesign) -> str:
    """Write what of a design differs from a plain neutrophil."""
    return PARAMETERS_CODEC.write(design.changed)


TRAINED = "trained"

CENTRAL, LARGEST = "central", "largest"  # of a picture's cells

PICKS = (CENTRAL, LARGEST, *(str(number) for number in range(1, MOST_CELLS + 1)))

ALL = ("all",)

SCALES = ("map", "classes")

LAYOUTS = ("auto", "grid", "figure")  # of the maps; auto: a figure on a phone, else the grid

NAMED = "named"  # the class that each model names

NO_CLASS, RUNNER_UP = "none", "runner-up"  # that maps of one class are contrasted with

MATRIX = ("rates", "counts")

CLASS_FIGURES = ("sensitivity", "precision", "f1", "specificity", "auc")

CURVES = ("accuracy", "loss")

ROC_PARTS = ("corner", "whole")

TABS = ("overview", "classes", "mistakes", "calibration", "training", "papers")  # of Evaluate

PRECISIONS = ("auto", "float32")

HIGHEST_SEED = 9999

FORMER_NAMES = {"methods": "method"}  # as older links call it

DEFAULT_METHODS = ("gradcam",)

DEFAULT_BORDERS = ("lime",)  # methods whose superpixels are outlined, as their paper does, not coloured

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}")


@dataclass(frozen=True)
class SharedChoice:
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


def parse_class(text: str) -> str:
    """Take the name of a class: letters, digits and `_ . + -`."""
    if not NAME.fullmatch(text):
        raise InputError(f"The address asks for the class “{shown(text)}”, which names nothing here.")
    return text


def parse_lesson(text: str) -> str:
    """Take the name of a lesson: letters, digits and `_ . + -`."""
    if not NAME.fullmatch(text):
        raise InputError(f"The address asks for the lesson “{shown(text)}”, which names nothing here.")
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


def on_or_off(name: str) -> SharedChoice:
    """Return a choice that is on or off, off at first."""
    parse = one_of("switch", ("on", "off"))
    return SharedChoice(name, False, lambda text: parse(text) == "on", lambda on: "on" if on else "off")


CHOICES: tuple[SharedChoice, ...] = (
    SharedChoice("image", "cell-1", parse_name),
    SharedChoice("models", ALL, names_of("models"), joined),
    SharedChoice("view", TRAINED, one_of("framing", (TRAINED, *FRAMINGS))),
    on_or_off("truth"),
    on_or_off("guess"),
    on_or_off("projector"),
    SharedChoice("pick", CENTRAL, one_of("cell", PICKS)),
    SharedChoice("cell", default_parameters(), parameters_from_text, parameters_to_text),
    SharedChoice("methods", DEFAULT_METHODS, some_of("method", tuple(METHODS)), joined),
    SharedChoice("classes", ALL, names_of("classes"), joined),
    SharedChoice("set", NO_SETTINGS, settings_from_text, settings_to_text),
    SharedChoice("seed", 0, whole_number("the seed", 0, HIGHEST_SEED)),
    SharedChoice("precision", PRECISIONS[0], one_of("precision", PRECISIONS)),
    SharedChoice("borders", DEFAULT_BORDERS, some_of("method", tuple(METHODS)), joined),
    SharedChoice("palette", PALETTES[0], one_of("palette", tuple(PALETTES))),
    SharedChoice("diverging", DIVERGING[0], one_of("palette", DIVERGING)),
    SharedChoice("opacity", 55, whole_number("opacity", 0, 100)),
    SharedChoice("scale", "map", one_of("scale", SCALES)),
    SharedChoice("layout", LAYOUTS[0], one_of("layout", LAYOUTS)),
    SharedChoice("label", NAMED, parse_class),
    SharedChoice("against", NO_CLASS, parse_class),
    SharedChoice("wipe", 100, whole_number("the wipe", 0, 100)),
    SharedChoice("lesson", "", parse_lesson),
    SharedChoice("step", 1, whole_number("the step", 1, MOST_STEPS)),
    SharedChoice("run", "", parse_run),
    SharedChoice("runs", (), names_of("runs"), joined),
    SharedChoice("tab", TABS[0], one_of("tab", TABS)),
    SharedChoice("matrix", MATRIX[0], one_of("way to count", MATRIX)),
    SharedChoice("figure", CLASS_FIGURES[0], one_of("figure", CLASS_FIGURES)),
    SharedChoice("curves", CURVES[0], one_of("curves", CURVES)),
    SharedChoice("drawn", CellDesign(), design_from_text, design_to_text),
    SharedChoice("drawing", 0, whole_number("the number of the drawing", 0, HIGHEST_SEED)),
    SharedChoice("roc", ROC_PARTS[0], one_of("part of the curves", ROC_PARTS)),
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
