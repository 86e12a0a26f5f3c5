"""The methods' settings as short text for an address: `lime.regions:80,gradcam.layer@vgg19:features.30`."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import InputError
from core.explanation.controls import Control, Value
from core.explanation.method import Method
from core.explanation.methods import METHODS

MethodSettings = Mapping[str, Mapping[str, Value]]
NO_SETTINGS: MethodSettings = {}
LONGEST = 1200
BETWEEN_ENTRIES, BEFORE_VALUE, BEFORE_NAME, BEFORE_MODEL = ",", ":", ".", "@"


def settings_to_text(settings: MethodSettings) -> str:
    """Write what was chosen; the defaults of the rest go without saying."""
    return BETWEEN_ENTRIES.join(
        f"{method}{BEFORE_NAME}{name}{BEFORE_VALUE}{_value_text(value)}"
        for method, values in settings.items()
        for name, value in values.items()
    )


def settings_from_text(text: str) -> MethodSettings:
    """Read what `settings_to_text` wrote, checked by each method's controls; InputError says what is wrong."""
    if len(text) > LONGEST:
        raise InputError("The address carries settings of the methods that are too long to be read.")
    settings: MethodSettings = NO_SETTINGS
    # A plus sign in a query is a space once decoded; no name or value holds a space.
    for entry in text.replace(" ", "+").split(BETWEEN_ENTRIES):
        key, given, value = entry.partition(BEFORE_VALUE)
        method, _, name = key.partition(BEFORE_NAME)
        if method not in METHODS or not name or not given:
            raise InputError(f"The address carries the setting “{_readable(entry)}”, which no method has.")
        try:
            settings = with_setting(settings, METHODS[method], name, value)
        except InputError as error:
            raise InputError(
                f"The address carries a setting of {METHODS[method].title} that is not valid. {error}"
            ) from None
    return settings


def with_setting(settings: MethodSettings, method: Method, name: str, value: Value) -> MethodSettings:
    """Return the settings with one changed, checked; a default is left out. `name` may end in `@model`."""
    control = _control(method, name)
    checked = control.checked(value)
    if control.kind == "layer" and _readable(str(checked)) != str(checked):
        raise InputError("A layer's name has letters, digits and . _ - alone.")
    values = {**settings.get(method.name, {}), name: checked}
    kept = {key: item for key, item in values.items() if item != _otherwise(method, values, key)}
    changed = {**settings, method.name: kept}
    return {key: changed[key] for key in METHODS if changed.get(key)}


def setting(settings: MethodSettings, method: Method, control: Control, model: str = "") -> Value:
    """Return the value of a control: the one chosen for the model, the one for all, or the default."""
    chosen = settings.get(method.name, {})
    return chosen.get(_of_model(control.name, model), chosen.get(control.name, control.default))


def settings_for(settings: MethodSettings, method: Method, model: str) -> dict[str, Value]:
    """Return the settings that one model gets, those that differ from the defaults."""
    values = {control.name: setting(settings, method, control, model) for control in method.controls}
    return {
        control.name: values[control.name] for control in method.controls if values[control.name] != control.default
    }


def layer_name(control: Control, model: str) -> str:
    """Return what a layer's setting is called where it is one model's alone."""
    return _of_model(control.name, model)


def _otherwise(method: Method, values: Mapping[str, Value], name: str) -> Value:
    """What stands where `name` is not set: for one model's layer that of all models."""
    control = _control(method, name)
    return values.get(control.name, control.default) if name != control.name else control.default


def _of_model(name: str, model: str) -> str:
    return f"{name}{BEFORE_MODEL}{model}"


def _control(method: Method, name: str) -> Control:
    base, separator, model = name.partition(BEFORE_MODEL)
    found = next((control for control in method.controls if control.name == base), None)
    if found is None or (separator and (found.kind != "layer" or not model or _readable(model) != model)):
        known = ", ".join(control.name for control in method.controls) or "none"
        raise InputError(f"There is no setting “{_readable(name)}”. It has: {known}.")
    return found


def _value_text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _readable(text: str) -> str:
    """Keep letters, digits and `. _ + - : @`, at most 40 of them."""
    return "".join(letter for letter in text if letter.isascii() and (letter.isalnum() or letter in "._+-:@"))[:40]
