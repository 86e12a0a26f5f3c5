"""All commands of `python -m core`, for those who ask for several in one process; each alone: `core.cli.commands`."""

from __future__ import annotations

from core.cli.commands import command_line

app = command_line()
