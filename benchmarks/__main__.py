"""`python -m benchmarks COMMAND`: what is published of speed, exactness and behaviour under load."""

from __future__ import annotations

import typer

from benchmarks.explain.command import explain
from benchmarks.latency import main as latency
from benchmarks.load import load
from benchmarks.novelty import main as novelty
from benchmarks.precision import precision
from benchmarks.preprocessing import main as preprocessing
from benchmarks.preset_bounds import main as preset_bounds

app = typer.Typer(
    help="Measure this engine, and the same work by the upstream libraries, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, command in {
    "explain": explain,
    "load": load,
    "precision": precision,
    "latency": latency,
    "novelty": novelty,
    "preprocessing": preprocessing,
    "preset-bounds": preset_bounds,
}.items():
    app.command(name)(command)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
