"""Pages of the documentation that a command writes: what stands between two marks is made, the rest is by hand.

A page marks its part by two comments, which Markdown does not show:

    <!-- made by: python -m benchmarks NAME --write -->
    …
    <!-- end of what is made -->
"""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import InputError

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
END = "<!-- end of what is made -->"


def start_of(command: str) -> str:
    """The mark that begins the part made by `python -m benchmarks COMMAND --write`."""
    return f"<!-- made by: python -m benchmarks {command} --write -->"


def made_part(page: str, command: str) -> str:
    """The text between a page's two marks, without blank lines around it; InputError where the marks are missing."""
    return _split(page, command)[1].strip()


def with_made_part(page: str, command: str, text: str) -> str:
    """The page with `text` between its two marks; InputError where the marks are missing."""
    before, _, after = _split(page, command)
    return f"{before}{start_of(command)}\n\n{text.strip()}\n\n{END}{after}"


def write_made_part(path: Path, command: str, text: str) -> None:
    """Put `text` between the marks of the page at `path`; InputError where it cannot be read or written."""
    try:
        page = path.read_text(encoding="utf-8")
        path.write_text(with_made_part(page, command, text), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be brought up to date: {error.strerror or error}.") from error


def _split(page: str, command: str) -> tuple[str, str, str]:
    """What stands before the marks, between them and behind them."""
    pattern = re.escape(start_of(command)) + "(.*?)" + re.escape(END)
    found = list(re.finditer(pattern, page, re.DOTALL))
    if len(found) != 1:
        raise InputError(
            f"The page must hold once, each on a line of its own: “{start_of(command)}”, and below it “{END}”."
        )
    return page[: found[0].start()], found[0].group(1), page[found[0].end() :]
