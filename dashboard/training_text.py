"""Foreign text, from files and paths, made fit for a message."""

from __future__ import annotations


def quoted(text: str, most: int = 2000) -> str:
    """Foreign text for a message: no Markdown acts, control characters are gone."""
    clean = "".join(letter if letter.isprintable() else " " for letter in text)[:most]
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#$~:|" else letter for letter in clean)
