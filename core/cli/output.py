"""What every command shares: one JSON document on stdout, progress on stderr, exit code 2 for bad input."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

import typer

from core.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")


def emit(document: Any, lines: Iterable[str], as_json: bool) -> None:
    """Print `document` as JSON (and nothing else) when `as_json`, else the readable `lines`."""
    if as_json:
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for line in lines:
            typer.echo(line)


def say(message: str) -> None:
    """Print progress or a remark to stderr, so that stdout stays one document."""
    typer.echo(message, err=True)


def progress(items: list[T], label: str) -> Iterator[T]:
    """Yield `items`, telling on stderr how far we are; silent when stderr is not a terminal."""
    shown = sys.stderr.isatty()
    for number, item in enumerate(items, start=1):
        yield item
        if shown:
            typer.echo(f"\r{label} {number}/{len(items)}", err=True, nl=number == len(items))


def reports_bad_input(command: Callable[P, T]) -> Callable[P, T]:
    """Turn an `InputError` into one line on stderr and exit code 2, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except InputError as error:
            say(f"error: {error}")
            raise typer.Exit(2) from None

    return wrapped
