"""`python -m core`: the engine on the command line."""

from core.cli.app import app

app(prog_name="python -m core")
