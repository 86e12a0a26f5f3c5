"""Boxes around cells, from Pascal VOC annotations that may come from anyone."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from core.errors import InputError

LARGEST_ANNOTATION = 2**20  # bytes
Box = tuple[int, int, int, int]


def read_boxes(file: Path, name: str) -> list[Box]:
    """Boxes `(x0, y0, x1, y1)` in px, x1 and y1 exclusive, of every object called `name` in a VOC annotation.

    InputError where the file is too large, no XML, declares a document type (which entities need), or where a box is
    none.
    """
    try:
        if file.stat().st_size > LARGEST_ANNOTATION:
            raise InputError(f"{file.name} is larger than {LARGEST_ANNOTATION // 2**20} MB: no annotation.")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file.name} cannot be read: {error.strerror}.") from error
    return [_box(item, file) for item in _root(data, file).iter("object") if item.findtext("name", "").strip() == name]


def _root(data: bytes, file: Path) -> ElementTree.Element:
    """Parse XML without a document type: no entities to expand, nothing to fetch."""

    def refuse(*_: object) -> None:
        raise InputError(f"{file.name} declares a document type, which no annotation needs: not read.")

    check = expat.ParserCreate()
    check.StartDoctypeDeclHandler = refuse
    try:
        check.Parse(data, True)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{file.name} is no readable annotation: {str(error)[:100]}.") from error


def _box(item: ElementTree.Element, file: Path) -> Box:
    texts = [item.findtext(f"bndbox/{side}", "").strip() for side in ("xmin", "ymin", "xmax", "ymax")]
    if not all(text.isascii() and text.isdigit() and len(text) < 7 for text in texts):
        raise InputError(f"{file.name} holds a box whose sides are not whole pixels.")
    x0, y0, x1, y1 = map(int, texts)
    if x0 >= x1 or y0 >= y1:
        raise InputError(f"{file.name} holds a box of no area.")
    return x0, y0, x1, y1
