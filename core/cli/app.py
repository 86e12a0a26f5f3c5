"""The commands of `python -m core`."""

from __future__ import annotations

import typer

from core.cli.add import add_model
from core.cli.audit import audit_commands
from core.cli.common import models
from core.cli.data import datasets, leaks, samples
from core.cli.evaluate import evaluate
from core.cli.explain import explain
from core.cli.explain_settings import settings_help
from core.cli.export import export
from core.cli.fit import fit
from core.cli.predict import predict
from core.cli.preprocess import preprocess
from core.cli.runs import runs
from core.cli.train import train

app = typer.Typer(
    help="LeukoLens: classify white blood cells, cut them out, and show what the classifiers look at. "
    "Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (models, predict, preprocess, explain, train, fit, evaluate, export, leaks, datasets, samples, runs):
    app.command(epilog=settings_help() if command is explain else None)(command)
app.command("add")(add_model)
app.add_typer(audit_commands, name="audit")
