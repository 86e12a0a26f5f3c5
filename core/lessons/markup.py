"""The Markdown of a lesson: what it may hold, and how it is made fit to be shown. Emphasis, lists, tables and code act;
HTML, pictures, mathematics, directives and links do not. A link to a page of another host stands there as text."""

from __future__ import annotations

import re

from core.errors import InputError

CODE = re.compile(r"(`[^`\n|]+`)")  # an odd piece of `CODE.split` is code; a table splits at | even in it
HTML = re.compile(r"<[A-Za-z/!?]")
PICTURE = re.compile(r"!\[")
DEFINITION = re.compile(r"^ {0,3}\[[^\]\n]+\]:", re.MULTILINE)
LINK = re.compile(r"\[([^\[\]\n]*)\]\(([^()\s]*)(?:\([^()\s]*\)[^()\s]*)?\)")
ADDRESS = re.compile(r"https://[^\s<>`\"'\[\]()|\\]{1,300}")
WORD = re.compile(r"\S+")
SCHEME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")  # letters before ://
ACTING = "<>[]$~:!\\&"  # what begins HTML, links, pictures, mathematics, strikes, directives and entities


def check_markup(text: str) -> None:
    """Raise InputError where `text` holds raw HTML, a picture, or a link that is no plain https link."""
    plain = "".join(CODE.split(text)[::2])
    for pattern, told in (
        (HTML, "raw HTML is not shown; write it in plain Markdown, or in `code`"),
        (PICTURE, "pictures are not shown; let the step show a live part instead"),
        (DEFINITION, "links by reference are not shown; write [text](https://…)"),
    ):
        if pattern.search(plain):
            raise InputError(f"{told}.")
    for _, target in LINK.findall(plain):
        if not ADDRESS.fullmatch(target):
            raise InputError(f"the link to “{target[:60]}” does not begin with https:// or holds other signs.")
    if any(not letter.isprintable() and letter not in "\n\t" for letter in text):
        raise InputError("it holds control characters.")


def shown_markup(text: str) -> str:
    """Checked Markdown as it is shown: what could act beyond emphasis, lists, tables and code is escaped.

    [text](https://a.b/c) becomes the text and the address in code, which no renderer makes a link of.
    """
    pieces = CODE.split(LINK.sub(lambda found: f"{found[1]} (`{found[2]}`)", text))
    return "".join(piece if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    """Plain text between codes; addresses that a renderer would link by itself become code."""
    done, at = [], 0
    for found in WORD.finditer(text):
        start = _address_in(found[0])
        if start is not None:
            address = found[0][start:].replace("`", "")
            done += [_without_action(text[at : found.start() + start]), f"`{address}`"]
            at = found.end()
    return "".join([*done, _without_action(text[at:])])


def _address_in(word: str) -> int | None:
    """Where a renderer may begin to see an address: a web page's or a mailbox'; None for no such word.

    In time that grows with the word's length alone, which no expression that looks back from “@” or “://” does.
    """
    if "@" in word[1:-1]:
        return 0
    scheme, page = word.find("://"), word.find("www.")
    start = scheme
    while start > 0 and word[start - 1] in SCHEME:
        start -= 1
    starts = [start] if 0 <= start < scheme else []
    return min([*starts, *([page] if page >= 0 else [])], default=None)


def _without_action(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        quote = re.match(r"^ {0,3}> ?", line)  # a quotation is harmless
        start = quote[0] if quote else ""
        rest = line[len(start) :]
        lines.append(start + "".join(f"\\{letter}" if letter in ACTING or letter == "`" else letter for letter in rest))
    return "\n".join(lines)
