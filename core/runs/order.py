"""What a process that works in the background is told: an order, checked, kept in its run's folder as `command.json`,
and read back with distrust. Nothing of it is ever run as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from core.errors import InputError
from core.files import read_bounded, write_whole
from core.runs.directory import RunDirectory, new_run
from core.runs.listing import list_runs

SPEC = "command.json"
LARGEST_SPEC = 100_000  # bytes
Spec = TypeVar("Spec", bound=BaseModel)


def _plain_path(text: str) -> str:
    if not Path(text).is_absolute() or not text.isprintable():
        raise ValueError("an absolute path in printable characters is needed")
    return text


AbsolutePath = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_plain_path)]
"""A path as an order for a process may name it."""


def checked_order(kind: type[Spec], work: str, facts: Mapping[str, object]) -> Spec:
    """The order of these facts for `work` ("training", say); InputError where one cannot be used."""
    try:
        return kind.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first["msg"].removeprefix("Value error, ")
        told = f"{first['loc'][0]}: {reason[:1].lower()}{reason[1:]}"
        raise InputError(f"The {work} cannot be ordered so: {told}.") from error


def read_order(kind: type[Spec], run: Path, instead: str) -> Spec:
    """The order that `run` was begun with; InputError, with what to do `instead`, where it is missing or changed."""
    data = read_bounded(run / SPEC, LARGEST_SPEC)
    try:
        return kind.model_validate(json.loads(data or b""))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{run.name} was not started from here, or its {SPEC} was changed{instead}") from error


def keep_order(
    folder: Path, name: str, work: str, spec: BaseModel, most: int, more: Mapping[str, bytes] | None = None
) -> RunDirectory:
    """Make the folder of a new run `name`, with its order and `more` files.

    InputError for a taken name, where `most` runs of this folder go on already ("... `work` ..."), or where nothing can
    be written.
    """
    path = new_run(folder, name)
    if sum(entry.going_on for entry in list_runs(folder).runs) >= most:
        raise InputError(f"{most} {work} already: cancel one, or come back later.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        for file, data in {**(more or {}), SPEC: spec.model_dump_json(indent=2).encode()}.items():
            write_whole(path / file, data)
    except OSError as error:
        raise InputError(f"The run's folder {path} cannot be written: {error.strerror or error}.") from error
    return RunDirectory(path)
