"""`python -m benchmarks COMMAND`: what is published of speed, exactness and behaviour under load."""

from __future__ import annotations

import typer

from benchmarks.adaptation import adaptation
from benchmarks.causes import causes
from benchmarks.classroom.command import classroom
from benchmarks.decoding import decoding
from benchmarks.explain.command import explain
from benchmarks.fields import fields
from benchmarks.latency import latency
from benchmarks.leaks import leaks
from benchmarks.load import load
from benchmarks.models import models
from benchmarks.novelty import novelty
from benchmarks.pages import pages
from benchmarks.phone import phone
from benchmarks.precision import precision
from benchmarks.preprocessing import measure_preset_bounds, preprocessing
from benchmarks.reproduction import reproduction

app = typer.Typer(
    help="Measure this engine, and the same work by the upstream libraries, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("explain")(explain)
app.command("adaptation")(adaptation)
app.command("causes")(causes)
app.command("classroom")(classroom)
app.command("decoding")(decoding)
app.command("fields")(fields)
app.command("leaks")(leaks)
app.command("load")(load)
app.command("models")(models)
app.command("precision")(precision)
app.command("latency")(latency)
app.command("novelty")(novelty)
app.command("pages")(pages)
app.command("phone")(phone)
app.command("preprocessing")(preprocessing)
app.command("preset-bounds")(measure_preset_bounds)
app.command("reproduction")(reproduction)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
