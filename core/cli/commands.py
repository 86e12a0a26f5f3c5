"""The commands by name. Each is imported when it is asked for, so that none waits for what the others need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import typer

COMMANDS: dict[str, str] = {
    "models": "core.cli.common:models",
    "predict": "core.cli.predict:predict",
    "count": "core.cli.count:count",
    "preprocess": "core.cli.preprocess:preprocess",
    "explain": "core.cli.explain:explain",
    "train": "core.cli.train:train",
    "fit": "core.cli.fit:fit",
    "evaluate": "core.cli.evaluate:evaluate",
    "export": "core.cli.export:export",
    "leaks": "core.cli.data:leaks",
    "datasets": "core.cli.data:datasets",
    "samples": "core.cli.data:samples",
    "runs": "core.cli.runs:runs",
    "train-finder": "core.cli.train_finder:train_the_finder",
    "train-shortcut": "core.cli.train_shortcut:train_the_shortcut",
    "add": "core.cli.add:add_model",
    "audit": "core.cli.audit:audit_commands",
}
"""Where each is defined: a function, or a group of commands."""


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """`python -m core` with the commands of these names, all by default."""
    app = typer.Typer(
        help="LeukoLens: classify white blood cells, cut them out, and show what the classifiers look at. "
        "Not a medical device.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_group)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command: Any = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, epilog=_epilog(name))(command)
    return app


def _group() -> None:
    """Make a group of it also where one command alone is known."""


def _epilog(name: str) -> str | None:
    if name != "explain":
        return None
    from core.cli.explain_settings import settings_help

    return settings_help()


def words_of(arguments: list[str]) -> list[str]:
    """The names to import for these arguments: the command that stands first, or all where it is none of them."""
    first = next(iter(arguments), "")
    return [first] if first in COMMANDS else list(COMMANDS)
