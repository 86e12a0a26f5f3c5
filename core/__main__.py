"""`python -m core`: the engine on the command line."""

import sys

from core.cli.commands import command_line, words_of

command_line(words_of(sys.argv[1:]))(prog_name="python -m core")
