"""HTML of the pages: one colour a class, the verdict, facts, tables, progress; and pictures as bytes, PNG for
downloads (pixels alone, no metadata) and `data:` addresses for small marks."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.classes import CLASSES
from dashboard.ui.format import percent
from dashboard.ui.glossary import term

# Of distinct hue and lightness: at least 3:1 against the light and the dark ground, and any two at least 10 apart
# (CIEDE2000) for normal sight and for protan-, deuter- and tritanopia (tests/dashboard/test_palette.py).
CLASS_COLOURS: dict[str, str] = dict(zip(CLASSES, ("#2f8fe0", "#a04e30", "#147c71", "#d6509a", "#b08a1e"), strict=True))

OTHER_COLOUR = "#7a7683"


def class_colour(name: str) -> str:
    """Return the class's colour as `#rrggbb`; a neutral grey for a class of another set."""
    return CLASS_COLOURS.get(name, OTHER_COLOUR)


def verdict(name: str, share: float) -> str:
    """Return HTML: the predicted class, large, beside a mark of its colour, and its probability."""
    return (
        f'<p class="ll-verdict"><span class="ll-mark" style="background:{class_colour(name)}"></span>'
        f"<strong>{escape(name)}</strong> <span>{percent(share)}</span></p>"
    )


def no_verdict(name: str, share: float) -> str:
    """Return HTML for an answer that means nothing, for no cell was found: that first, the answer in small type."""
    return (
        '<p class="ll-verdict ll-none"><span>No cell found</span></p>'
        f'<p class="ll-caption">What it says of the whole frame: {escape(name)}, {percent(share)}.</p>'
    )


def mark_of_truth(name: str, truth: str | None) -> str:
    """Return HTML of one height: whether the answer is right, or nothing where the truth is not told."""
    told = "" if truth is None else '<span class="ll-right">✓ right</span>' if name == truth else _WRONG
    return f'<p class="ll-judged">{told}</p>'


_WRONG = '<span class="ll-wrong">✗ wrong</span>'


def facts(entries: Sequence[tuple[str, str, str]]) -> str:
    """Return HTML: a list of (term, what it means, value)."""
    rows = "".join(
        f"<div><dt>{term(word, meaning)}</dt><dd>{escape(value)}</dd></div>" for word, meaning, value in entries
    )
    return f'<dl class="ll-facts">{rows}</dl>'


def png_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """Return `rgb` `(H, W, 3)` or `(H, W)` uint8 as a PNG that carries pixels alone."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def fitted(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Reduce a picture so that its longer side is at most `side` px; never enlarge it."""
    if max(rgb.shape[:2]) <= side:
        return rgb
    image = Image.fromarray(rgb)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image)


def squared(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the largest square out of the middle, for tiles of one size."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return rgb[top : top + side, left : left + side]


def data_address(rgb: NDArray[np.uint8], side: int) -> str:
    """Return the middle square of a picture, reduced to `side` px, as a `data:` address."""
    return picture_address(fitted(squared(rgb), side), quality=88)


def picture_address(rgb: NDArray[np.uint8], quality: int = 92) -> str:
    """Return a picture `(H, W, 3) uint8` as it is, as a JPEG in a `data:` address."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def strip_address(colours: NDArray[np.uint8]) -> str:
    """Return colours `(N, 3) uint8`, side by side, as a PNG in a `data:` address."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(np.repeat(colours[None], 4, axis=0))).decode()


def progress_bar(words: str, done: int, all_of_it: int, title: str) -> str:
    """Return HTML: a bar, and below it what it says."""
    share = 100 * min(1.0, done / all_of_it) if all_of_it else 100
    return (
        f'<div class="ll-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share:.0f}"'
        f' aria-label="{escape(title)}"><span style="width:{share:.1f}%"></span></div>'
        f'<p class="ll-caption">{escape(words)}</p>'
    )


def table(label: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """A table in a scroller of its own; `heads` and `rows` are HTML."""
    return (
        f'<div class="ll-wide" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="ll-figures"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
