"""Words of the field where they are met: dotted underneath, a click tells what they mean in a sentence, and “more” the
rest. The words are those of the glossary in the docs."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"
MET = (  # those that pages explain, by the word as it is met there; the longest first, for one may hold another
    ("completeness gap", "completeness gap"),
    ("cut-out cell", "framing"),
    ("masked cell", "framing"),
    ("whole frame", "framing"),
    ("standard error", "standard error"),
    ("superpixels", "superpixel"),
    ("probability", "probability"),
    ("logit", "logit"),
)


@cache
def entries() -> dict[str, tuple[str, str]]:
    """Every word of the glossary in small letters, with its first sentence and what follows ("" where nothing does)."""
    text = re.sub(r"\n  +", " ", GLOSSARY.read_text(encoding="utf-8"))
    found = {}
    for words, meaning in re.findall(r"^- \*\*(.+?)\*\*(?: \([^)]*\))?: (.+)$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)|[*`]", r"\1", meaning)
        first, _, rest = plain.partition(". ")
        for word in words.split(", "):
            found[word.lower()] = (f"{first.rstrip('.')}.", rest)
    return found


def term(word: str, sentence: str, more: str = "") -> str:
    """Return HTML: a word that tells its meaning when it is clicked; all three are text."""
    rest = f"<details><summary>more</summary>{escape(more)}</details>" if more else ""
    return (
        f'<details class="ll-term"><summary>{escape(word)}</summary>'
        f'<span class="ll-meaning">{escape(sentence[:1].upper() + sentence[1:])}{rest}</span></details>'
    )


def with_terms(text: str) -> str:
    """Return `text` as HTML, each word of the glossary explained where it is first met."""
    places: list[tuple[int, int, str]] = []
    for met, word in MET:
        found = re.search(rf"\b{re.escape(met)}\b", text)
        taken = any(found.start() < end and start < found.end() for start, end, _ in places) if found else True
        if found and not taken and word not in {known for *_, known in places}:
            places.append((*found.span(), word))
    html, at = "", 0
    for start, end, word in sorted(places):
        html += escape(text[at:start]) + term(text[start:end], *entries()[word])
        at = end
    return html + escape(text[at:])
