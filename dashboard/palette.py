"""One colour a class, the same everywhere."""

from __future__ import annotations

from core.classes import CLASSES

# Of distinct hue and lightness: at least 3:1 against the light and the dark ground, and any two at least 10 apart
# (CIEDE2000) for normal sight and for protan-, deuter- and tritanopia (tests/dashboard/test_palette.py).
CLASS_COLOURS: dict[str, str] = dict(zip(CLASSES, ("#2f8fe0", "#a04e30", "#147c71", "#d6509a", "#b08a1e"), strict=True))
OTHER_COLOUR = "#7a7683"


def class_colour(name: str) -> str:
    """Return the class's colour as `#rrggbb`; a neutral grey for a class of another set."""
    return CLASS_COLOURS.get(name, OTHER_COLOUR)
