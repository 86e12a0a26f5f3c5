"""Reading annotations that somebody brings: COCO JSON, Pascal VOC XML, YOLO text, CSV, our JSON, and archives of these.
Nothing in such a file is believed: sizes, numbers, entities, names and places are checked before they are used."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.classes import CLASSES
from core.decoding.formats import MAX_PIXELS
from core.errors import InputError
from core.fields.annotations import CLASSES_FILE, OUR_FORMAT, WHITE_CELL, AnnotatedBox, AnnotatedPhotograph

MOST_BYTES = 20 * 2**20  # of one file, and of an archive's files together once unpacked
MOST_MEMBERS = 500  # files of an archive
MOST_BOXES = 100_000  # of one file
LONGEST_LABEL = 60
MILLION = 1_000_000
SUFFIXES_READ = (".json", ".xml", ".txt", ".csv", ".zip")


def read_annotations(name: str, data: bytes, labels: Sequence[str] = CLASSES) -> list[AnnotatedPhotograph]:
    """The annotated photographs of a file called `name`, by its suffix; `labels` are those that YOLO numbers mean.

    Raises InputError that says what is wrong with the file; nothing of a faulty file is used.
    """
    told, suffix = _plain(PurePosixPath(name.replace("\\", "/")).name), PurePosixPath(name).suffix.lower()
    if len(data) > MOST_BYTES:
        raise InputError(f"“{told}” is larger than {MOST_BYTES // 2**20} MB; annotations are smaller.")
    if suffix == ".zip":
        return _archive(told, data, labels)
    readers: dict[str, Callable[[], list[AnnotatedPhotograph]]] = {
        ".json": lambda: _json(data),
        ".xml": lambda: [_voc(data)],
        ".txt": lambda: [_yolo(told, data, labels)],
        ".csv": lambda: _csv(data),
    }
    if suffix not in readers:
        raise InputError(f"“{told}” is no file of annotations: they end in {', '.join(SUFFIXES_READ)}.")
    try:
        return readers[suffix]()
    except InputError as error:
        raise InputError(f"“{told}”: {error}") from None
    except RecursionError:
        raise InputError(f"“{told}” is nested too deeply to be annotations.") from None


def read_label_names(data: bytes) -> tuple[str, ...]:
    """The labels of a `classes.txt`, a line each, by which YOLO files count from 0; InputError where it has none."""
    names = tuple(_label(line.strip()) for line in _text(data).splitlines() if line.strip())
    if not names or len(names) > 1000:
        raise InputError(f"{CLASSES_FILE} names the labels, a line each, at most 1,000 of them.")
    return names


def _archive(told: str, data: bytes, labels: Sequence[str]) -> list[AnnotatedPhotograph]:
    """The annotations of a zip file's members, read in memory, none of them an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and _wanted(one.filename)]
            if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_BYTES:
                raise InputError(
                    f"“{told}” holds more than {MOST_MEMBERS} files, or over {MOST_BYTES // 2**20} MB once unpacked."
                )
            files = {one.filename: _member(archive, one) for one in members}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(f"“{told}” is no readable zip file.") from error
    listed = next((name for name in files if PurePosixPath(name).name == CLASSES_FILE), None)
    known = labels if listed is None else read_label_names(files.pop(listed))
    found = [photograph for name, text in files.items() for photograph in read_annotations(name, text, known)]
    if not found:
        raise InputError(f"“{told}” holds no annotations: files that end in {', '.join(SUFFIXES_READ[:-1])}.")
    return found


def _wanted(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES_READ[:-1] and not name.startswith("__MACOSX")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:  # what the archive says of sizes may be a lie
        data = file.read(member.file_size + 1)
    if len(data) > member.file_size:
        raise zipfile.BadZipFile("larger than told")
    return data


def _json(data: bytes) -> list[AnnotatedPhotograph]:
    try:
        document = json.loads(_text(data), parse_constant=_no_number)
    except ValueError as error:
        raise InputError(f"it is no valid JSON: {_plain(str(error))}.") from error
    if not isinstance(document, dict):
        raise InputError("it is JSON, but no annotations: they are an object with names and values.")
    return _ours(document) if document.get("format") == OUR_FORMAT else _coco(document)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _ours(document: Mapping[str, Any]) -> list[AnnotatedPhotograph]:
    found = []
    for one in _list(document, "photographs"):
        size = _size(one.get("width"), one.get("height"))
        cells = [cell for cell in _list(one, "cells") if isinstance(cell, dict)]
        boxes = [_box(cell.get("box"), size, cell.get("label"), cell.get("number", 0)) for cell in cells]
        sha256 = one.get("sha256", "")
        digest = sha256 if isinstance(sha256, str) else ""
        found.append(AnnotatedPhotograph(_name(one.get("image")), *size, _bounded(boxes), digest))
    return found


def _coco(document: Mapping[str, Any]) -> list[AnnotatedPhotograph]:
    categories = {one.get("id"): _label(one.get("name")) for one in _list(document, "categories") if _has_id(one)}
    images = {one.get("id"): one for one in _list(document, "images") if _has_id(one)}
    boxes: dict[Any, list[AnnotatedBox]] = {key: [] for key in images}
    sizes = {key: _size(one.get("width"), one.get("height")) for key, one in images.items()}
    for one in _list(document, "annotations"):
        key, category = one.get("image_id"), one.get("category_id")
        if not _hashable(key) or key not in images or not _hashable(category) or category not in categories:
            raise InputError("an annotation names an image or a category that the file does not list.")
        x, y, across, down = _four(one.get("bbox"))
        boxes[key].append(_box([x, y, x + across, y + down], sizes[key], categories[category], 0))
    return [
        AnnotatedPhotograph(_name(one.get("file_name")), *sizes[key], _bounded(boxes[key]))
        for key, one in images.items()
    ]


def _hashable(key: object) -> bool:
    return isinstance(key, int | str)


def _has_id(one: Mapping[str, Any]) -> bool:
    if not _hashable(one.get("id")):
        raise InputError("an image or a category has no id.")
    return True


def _voc(data: bytes) -> AnnotatedPhotograph:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError("it declares a document type or entities, which no annotation needs: not read.") from None
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"it is no valid XML: {_plain(str(error))}.") from error
    if root.tag != "annotation":
        raise InputError("it is XML, but no Pascal VOC annotation.")
    size = _size(_number_of(root.findtext("size/width")), _number_of(root.findtext("size/height")))
    sides = ("xmin", "ymin", "xmax", "ymax")
    boxes = [
        _box([_number_of(item.findtext(f"bndbox/{side}")) for side in sides], size, item.findtext("name"), 0)
        for item in root.findall("object")
    ]
    return AnnotatedPhotograph(_name(root.findtext("filename")), *size, _bounded(boxes))


def _yolo(name: str, data: bytes, labels: Sequence[str]) -> AnnotatedPhotograph:
    boxes = []
    for number, line in enumerate(_text(data).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        values = [_number_of(field) for field in fields[:5]]
        shares = [value for value in values[1:] if value is not None]
        if len(fields) not in (5, 6) or len(shares) != 4 or any(not 0 <= share <= 1 for share in shares):
            raise InputError(f"line {number} is no YOLO annotation: a label's number and four shares from 0 to 1.")
        if values[0] not in range(len(labels)):
            raise InputError(
                f"line {number} has the label number {_plain(fields[0])}; there are {len(labels)} labels. Bring the "
                f"{CLASSES_FILE} that belongs to it, too."
            )
        x, y, across, down = shares
        sides = [MILLION * side for side in (x - across / 2, y - down / 2, x + across / 2, y + down / 2)]
        boxes.append(_box(sides, (MILLION, MILLION), labels[int(values[0] or 0)], 0))
    return AnnotatedPhotograph(PurePosixPath(name).stem, 0, 0, _bounded(boxes))


def _csv(data: bytes) -> list[AnnotatedPhotograph]:
    rows = csv.DictReader(io.StringIO(_text(data)))
    needed = {"image", "width", "height", "left", "top", "right", "bottom", "label"}
    missing = needed - set(rows.fieldnames or ())
    if missing:
        raise InputError(f"the table lacks the columns {', '.join(sorted(missing))}.")
    found: dict[tuple[str, int, int, str], list[AnnotatedBox]] = {}
    try:
        for row in rows:
            size = _size(_number_of(row["width"]), _number_of(row["height"]))
            sides = [_number_of(row[side]) for side in ("left", "top", "right", "bottom")]
            box = _box(sides, size, row["label"], _number_of(row.get("number")) or 0)
            found.setdefault((_name(row["image"]), *size, row.get("sha256") or ""), []).append(box)
    except csv.Error as error:
        raise InputError(f"it is no readable table: {_plain(str(error))}.") from error
    return [
        AnnotatedPhotograph(name, width, height, _bounded(boxes), sha256)
        for (name, width, height, sha256), boxes in found.items()
    ]


def _list(document: Any, key: str) -> list[Any]:
    found = document.get(key) if isinstance(document, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"it has no list “{key}” of objects, as COCO and our own JSON have.")
    return found


def _number_of(text: object) -> float | None:
    """A number that a text holds; None where it holds none."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _size(width: object, height: object) -> tuple[int, int]:
    sides = (width, height)
    if not all(_is_number(side) and side == int(side) and side > 0 for side in sides):  # type: ignore[call-overload, operator]
        raise InputError("it does not tell the photograph's width and height in whole pixels.")
    across, down = int(width), int(height)  # type: ignore[call-overload]
    if across * down > 100 * MAX_PIXELS:
        raise InputError(f"it is about a photograph of {across:,} x {down:,} px, which is none.")
    return across, down


def _four(sides: object) -> list[float]:
    if not isinstance(sides, list) or len(sides) != 4 or not all(_is_number(side) for side in sides):
        raise InputError("a box is not made of four numbers.")
    return sides


def _box(sides: object, size: tuple[int, int], label: object, number: object) -> AnnotatedBox:
    """A box cut at the photograph's border; InputError where nothing of it lies inside."""
    left, top, right, bottom = (round(side) for side in _four(sides))
    if left >= right or top >= bottom:
        raise InputError(f"the box {left}, {top}, {right}, {bottom} has no area.")
    cut = (max(0, left), max(0, top), min(size[0], right), min(size[1], bottom))
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise InputError(
            f"the box {left}, {top}, {right}, {bottom} lies outside the photograph of {size[0]} x {size[1]} px."
        )
    whole = int(number) if _is_number(number) else 0  # type: ignore[call-overload]
    return AnnotatedBox(cut, _label(label), whole)


def _bounded(boxes: Sequence[AnnotatedBox]) -> tuple[AnnotatedBox, ...]:
    if len(boxes) > MOST_BOXES:
        raise InputError(f"it holds {len(boxes):,} boxes; at most {MOST_BOXES:,} are read.")
    return tuple(boxes)


def _label(label: object) -> str:
    text = _plain(label).strip() if isinstance(label, str) else ""
    return text[:LONGEST_LABEL] or WHITE_CELL


def _name(name: object) -> str:
    """The file's name alone, without folders."""
    text = PurePosixPath(name.replace("\\", "/")).name if isinstance(name, str) else ""
    if not text:
        raise InputError("it does not name the photograph that it is about.")
    return _plain(text)[:255]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("it is no text in UTF-8.") from None


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]
