"""Recipes in TOML files, with what the command line lays over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.errors import InputError
from core.training.recipe import Recipe

RECIPES = Path(__file__).parent / "recipes"
LARGEST_RECIPE = 1_000_000  # bytes
NUMBER = re.compile(r"[0-9]{1,9}")


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with LeukoLens."""
    return tuple(sorted(file.stem for file in RECIPES.glob("*.toml")))


def recipe_architectures(name_or_path: str, text: bytes | None = None) -> tuple[str, ...]:
    """The architectures that a recipe speaks of: its own first, then those of its tables `[for.NAME]`.

    As for `read_recipe`, `text` is the recipe itself.
    """
    _, document = _read(name_or_path, text)
    special = document.get("for", {})
    return tuple(dict.fromkeys((str(document.get("architecture")), *(special if isinstance(special, dict) else ()))))


def read_recipe(
    name_or_path: str,
    architecture: str | None = None,
    changes: dict[str, Any] | None = None,
    text: bytes | None = None,
) -> Recipe:
    """Read a shipped recipe by name or one of your own by path; InputError says which key is wrong.

    Where the recipe's TOML is at hand as `text` it is read, and the name only stands in messages.

    Tables `[for.NAME]` in the file hold what differs for the architecture NAME; `architecture` overrides the file's.
    `changes` maps dotted keys ("split.kind", "stages.0.size", "stages.size" for every stage) to values laid over both.
    """
    source, document = _read(name_or_path, text)
    document = _for_architecture(document, architecture)
    for key, value in (changes or {}).items():
        _lay(document, key.split("."), value, key)
    return checked_recipe(document, source)


def checked_recipe(document: Any, source: str) -> Recipe:
    """Validate a recipe's document; InputError names the first keys of `source` that are wrong."""
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{source}: {_first_problems(error)}") from error


def parsed_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Turn `key=value` texts (dotted key, TOML value; a bare word is a string) into a mapping."""
    changes: dict[str, Any] = {}
    for text in settings:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {text!r}: write key=value, such as split.kind=random or augment.zoom=1.2.")
        changes[key.strip()] = _value(value.strip())
    return changes


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # numbers of thousands of digits and deep nesting are no TOML errors
        return text


def _read(name_or_path: str, text: bytes | None) -> tuple[str, dict[str, Any]]:
    """What to call the recipe in messages, and what stands in it."""
    source, data = _file(name_or_path) if text is None else (name_or_path, text)
    if len(data) > LARGEST_RECIPE:
        raise InputError(f"{source} is larger than 1 MB: no recipe of ours.")
    try:
        return source, tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits and deep nesting too
        raise InputError(f"{source} is not valid TOML: {error}.") from error


def _file(name_or_path: str) -> tuple[str, bytes]:
    """The name of a recipe's file and its content, a byte more than may be at most."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = RECIPES / f"{name_or_path}.toml"
    if not _is_file(path):
        shipped = ", ".join(shipped_recipes())
        raise InputError(f"No recipe {name_or_path!r}. Shipped: {shipped}; or give the path of a .toml file.")
    try:
        with path.open("rb") as file:
            return path.name, file.read(LARGEST_RECIPE + 1)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no disk takes, or a folder that must not be looked into
        return False


def _for_architecture(document: dict[str, Any], architecture: str | None) -> dict[str, Any]:
    """Lay the table `[for.NAME]` over the rest; sub-tables are merged key by key."""
    special = document.pop("for", {})
    if architecture is not None:
        document["architecture"] = architecture
    tables = special.values() if isinstance(special, dict) else [None]
    if not all(isinstance(table, dict) for table in tables):
        raise InputError("[for.NAME] in the recipe must be a table of keys for the architecture NAME.")
    for key, value in special.get(str(document.get("architecture")), {}).items():
        shared = document.get(key)
        document[key] = shared | value if isinstance(value, dict) and isinstance(shared, dict) else value
    return document


def _lay(place: Any, keys: list[str], value: Any, whole: str) -> None:
    """Set a dotted key; a list takes a number, or the rest of the key for each of its tables."""
    first, rest = keys[0], keys[1:]
    if isinstance(place, list) and NUMBER.fullmatch(first) and int(first) < len(place) and rest:
        _lay(place[int(first)], rest, value, whole)
    elif isinstance(place, list) and not first.isdigit():
        for item in place:
            _lay(item, keys, value, whole)
    elif isinstance(place, dict) and rest:
        _lay(place.setdefault(first, {}), rest, value, whole)
    elif isinstance(place, dict):
        place[first] = value
    else:
        raise InputError(f"{whole!r} is no key of this recipe.")


def _first_problems(error: ValidationError) -> str:
    problems = error.errors()
    told = [item for item in problems if item["type"] != "too_short" or not item["input"]]  # short of bad entries alone
    return "; ".join(_problem(".".join(map(str, item["loc"])), item) for item in (told or problems)[:5]) + "."


def _problem(key: str, item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return f"{key}: a recipe has no such key"
    return f"{key or 'recipe'}: {item['msg'].removeprefix('Value error, ').lower()}"
