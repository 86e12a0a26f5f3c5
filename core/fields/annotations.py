"""Boxes around the cells of photographs as other tools exchange them: what an annotated photograph is, and how it is
written as COCO JSON, Pascal VOC XML, YOLO text, CSV and our own JSON."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree  # written with, never read with

import pandas as pd

from core.classes import CLASSES, known_as
from core.data.readers import csv_text
from core.fields.cells import Corners

WHITE_CELL = "white cell"  # of no known class
NO_WHITE_CELL = "not a white cell"
OUR_FORMAT = "leukolens-field"
CSV_COLUMNS = ("image", "width", "height", "sha256", "number", "left", "top", "right", "bottom", "label", "score")
CLASSES_FILE = "classes.txt"


@dataclass(frozen=True)
class AnnotatedBox:
    """A cell's `box` (left, top, right, bottom) in px, right and bottom excluded, and its `label`.

    `number` is 0 where it has none, `score` is 0 to 1. `named` is what each model calls it, by the model's name.
    """

    box: Corners
    label: str = WHITE_CELL
    number: int = 0
    score: float = 1.0
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AnnotatedPhotograph:
    """The boxes of the photograph `name`, `width` x `height` px; `sha256` of its file, "" where it was not told.

    A YOLO file tells neither size nor suffix: width and height are then 0, and the boxes' sides are in millionths of
    the photograph's.
    """

    name: str
    width: int
    height: int
    boxes: tuple[AnnotatedBox, ...]
    sha256: str = ""

    @property
    def relative(self) -> bool:
        """Whether the boxes are in millionths of the sides."""
        return self.width == 0

    @property
    def stem(self) -> str:
        """The file's name without folders and suffix."""
        return PurePosixPath(self.name.replace("\\", "/")).stem


def label_names(photographs: Sequence[AnnotatedPhotograph]) -> tuple[str, ...]:
    """The labels in use: our classes first, all of them, then the others by name."""
    used = {box.label for photograph in photographs for box in photograph.boxes}
    return (*CLASSES, *sorted(used - set(CLASSES)))


def coco_json(photographs: Sequence[AnnotatedPhotograph]) -> bytes:
    """All photographs as one COCO document (Lin et al. 2014): `bbox` is x, y, width, height in px; ids from 1."""
    labels = label_names(photographs)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, photograph in enumerate(photographs, start=1):
        size = {"width": photograph.width, "height": photograph.height}
        images.append({"id": number, "file_name": photograph.name, **size})
        for box in photograph.boxes:
            left, top, right, bottom = box.box
            across, down = right - left, bottom - top
            told = {"id": len(annotations) + 1, "image_id": number, "category_id": labels.index(box.label) + 1}
            place = {"bbox": [left, top, across, down], "area": across * down, "iscrowd": 0}
            annotations.append({**told, **place, "score": round(box.score, 4)})
    categories = [{"id": number, "name": label} for number, label in enumerate(labels, start=1)]
    return _json({"images": images, "annotations": annotations, "categories": categories})


def voc_xml(photograph: AnnotatedPhotograph) -> bytes:
    """One photograph as Pascal VOC XML (Everingham et al. 2010); sides count from 0, as labelling tools write them."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = photograph.name
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", photograph.width), ("height", photograph.height), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(value)
    for box in photograph.boxes:
        item = ElementTree.SubElement(root, "object")
        for name, told in (("name", box.label), ("truncated", "0"), ("difficult", "0")):
            ElementTree.SubElement(item, name).text = told
        place = ElementTree.SubElement(item, "bndbox")
        for name, side in zip(("xmin", "ymin", "xmax", "ymax"), box.box, strict=True):
            ElementTree.SubElement(place, name).text = str(side)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8") + b"\n"


def yolo_text(photograph: AnnotatedPhotograph, labels: Sequence[str]) -> bytes:
    """One photograph as YOLO text (Redmon et al. 2016): a line a cell, the label's index among `labels`, then the box's
    middle x and y, width and height as shares of the photograph's sides."""
    lines = []
    for box in photograph.boxes:
        left, top, right, bottom = box.box
        sides = (photograph.width, photograph.height)
        middle = ((left + right) / 2 / sides[0], (top + bottom) / 2 / sides[1])
        extent = ((right - left) / sides[0], (bottom - top) / sides[1])
        shares = " ".join(f"{value:.8f}" for value in (*middle, *extent))
        lines.append(f"{labels.index(box.label)} {shares}\n")
    return "".join(lines).encode()


def boxes_csv(photographs: Sequence[AnnotatedPhotograph]) -> bytes:
    """All photographs as one table, a row a cell: CSV_COLUMNS, then what each model calls it."""
    rows = []
    for photograph in photographs:
        for box in photograph.boxes:
            facts = (photograph.name, photograph.width, photograph.height, photograph.sha256, box.number, *box.box)
            row = dict(zip(CSV_COLUMNS, (*facts, box.label, round(box.score, 4)), strict=True))
            rows.append({**row, **{f"model {model}": said for model, said in box.named}})
    return csv_text(pd.DataFrame(rows, columns=None if rows else list(CSV_COLUMNS))).encode()


def fields_json(photographs: Sequence[AnnotatedPhotograph], counts: Mapping[str, object]) -> bytes:
    """All photographs as our own JSON, with each file's hash, what each model says, and the `counts`."""
    told = [
        {
            "image": one.name,
            "width": one.width,
            "height": one.height,
            "sha256": one.sha256,
            "cells": [
                {
                    "number": box.number,
                    "box": list(box.box),
                    "label": box.label,
                    "score": round(box.score, 4),
                    "named": dict(box.named),
                }
                for box in one.boxes
            ],
        }
        for one in photographs
    ]
    return _json({"format": OUR_FORMAT, "version": 1, "photographs": told, "counts": dict(counts)})


def voc_zip(photographs: Sequence[AnnotatedPhotograph]) -> bytes:
    """Each photograph's VOC file in one archive."""
    names = _file_names(photographs, ".xml")
    return _zip({name: voc_xml(one) for name, one in zip(names, photographs, strict=True)})


def yolo_zip(photographs: Sequence[AnnotatedPhotograph]) -> bytes:
    """Each photograph's YOLO file in one archive, and `classes.txt`, which names the labels in order."""
    labels = label_names(photographs)
    names = _file_names(photographs, ".txt")
    files = {name: yolo_text(one, labels) for name, one in zip(names, photographs, strict=True)}
    return _zip({CLASSES_FILE: "".join(f"{label}\n" for label in labels).encode(), **files})


def _file_names(photographs: Sequence[AnnotatedPhotograph], suffix: str) -> list[str]:
    """A file's name for each photograph, none twice and none outside the archive's folder."""
    names: list[str] = []
    for one in photographs:
        stem = one.stem if one.stem not in {"", ".", "..", "classes"} else "photograph"
        name, copy = f"{stem}{suffix}", 2
        while name in names:
            name, copy = f"{stem}-{copy}{suffix}", copy + 1
        names.append(name)
    return names


def _zip(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


BLOOD_OTHERWISE = {"rbc", "red blood cell", "red cell", "platelet", "platelets", "plt", "thrombocyte", NO_WHITE_CELL}
UNNAMED = {"wbc", "white blood cell", "leukocyte", "leucocyte", WHITE_CELL}


def white_label(label: str) -> str | None:
    """What a truth's label means here: one of our classes, WHITE_CELL for a cell of no named class, its own name for a
    class that is none of ours; None for what is no white cell, such as a red one or a platelet."""
    plain = " ".join(label.casefold().replace("_", " ").replace("-", " ").split())
    if plain in BLOOD_OTHERWISE:
        return None
    return WHITE_CELL if plain in UNNAMED else known_as(label, CLASSES) or label
