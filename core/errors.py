"""The one exception a user is meant to read."""

from __future__ import annotations


class InputError(Exception):
    """Something from outside cannot be used; the message says what is wrong and what to do about it.

    The command line prints it and exits with 2, a page shows it where it happened. Neither shows a traceback.
    """
