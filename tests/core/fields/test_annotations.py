"""Annotations out and in: what is written comes back, by our reader and by others' ways of reading it; what is hostile
or of another picture is refused in words."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from xml.dom import minidom

import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.fields.annotation_files import MOST_BYTES, read_annotations, read_label_names
from core.fields.annotations import (
    AnnotatedBox,
    AnnotatedPhotograph,
    boxes_csv,
    coco_json,
    fields_json,
    label_names,
    voc_xml,
    voc_zip,
    white_label,
    yolo_text,
    yolo_zip,
)
from core.fields.truth import CountedPicture, belongs_to

BOXES = (
    AnnotatedBox((10, 20, 60, 80), "neutrophil", 1, 0.9, (("vgg19", "monocyte"),)),
    AnnotatedBox((0, 0, 33, 41), "not a white cell", 2, 0.6),
    AnnotatedBox((300, 200, 400, 300), "=blast", 3, 0.75),
)
ONE = AnnotatedPhotograph("smear one.png", 400, 300, BOXES, "ab" * 32)
TWO = AnnotatedPhotograph("two.jpg", 1000, 700, (AnnotatedBox((1, 2, 30, 40), "monocyte", 1),), "cd" * 32)
PLAIN = [[(box.box, box.label.lstrip("'=")) for box in photograph.boxes] for photograph in (ONE, TWO)]


def plain(found: Sequence[AnnotatedPhotograph]) -> list[list[tuple[tuple[int, int, int, int], str]]]:
    return [[(box.box, box.label.lstrip("'=")) for box in photograph.boxes] for photograph in found]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", coco_json([ONE, TWO])),
        ("a.json", fields_json([ONE, TWO], {})),
        ("a.csv", boxes_csv([ONE, TWO])),
        ("a.zip", voc_zip([ONE, TWO])),
    ],
)
def test_what_was_written_comes_back(name: str, data: bytes) -> None:
    found = read_annotations(name, data)
    assert [(one.name, one.width, one.height) for one in found] == [("smear one.png", 400, 300), ("two.jpg", 1000, 700)]
    assert plain(found) == PLAIN


def test_yolo_comes_back_to_the_pixel() -> None:
    pictures = [CountedPicture(one.name, one.sha256, one.width, one.height) for one in (TWO, ONE)]
    found = [belongs_to(one, pictures) for one in read_annotations("y.zip", yolo_zip([ONE, TWO]))]
    assert [index for index, _ in found] == [1, 0] and plain([truth for _, truth in found]) == PLAIN


def test_others_read_what_was_written() -> None:
    coco = json.loads(coco_json([ONE]))
    names = {one["id"]: one["name"] for one in coco["categories"]}
    first = coco["annotations"][0]
    assert names[first["category_id"]] == "neutrophil" and first["bbox"] == [10, 20, 50, 60] and first["area"] == 3000
    voc = minidom.parseString(voc_xml(ONE))
    assert [voc.getElementsByTagName(side)[0].firstChild.data for side in ("xmin", "xmax")] == ["10", "60"]
    labels = label_names([ONE])
    number, *shares = yolo_text(ONE, labels).decode().splitlines()[0].split()
    assert labels[int(number)] == "neutrophil" and labels[:5] == CLASSES
    assert [float(share) for share in shares] == pytest.approx([35 / 400, 50 / 300, 50 / 400, 60 / 300])
    row = next(csv.DictReader(io.StringIO(boxes_csv([ONE]).decode())))
    assert (row["label"], row["model vgg19"], row["right"]) == ("neutrophil", "monocyte", "60")


def test_a_spreadsheet_runs_no_label() -> None:
    assert b",'=blast," in boxes_csv([ONE])


def test_an_archive_names_no_file_twice_and_none_outside() -> None:
    tricky = [AnnotatedPhotograph(name, 9, 9, ()) for name in ("a.png", "b/a.jpg", "../..", "classes.png")]
    with zipfile.ZipFile(io.BytesIO(yolo_zip(tricky))) as archive:
        names = archive.namelist()
    assert len(set(names)) == len(names) == 5 and not any("/" in name or name.startswith("..") for name in names)


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><annotation><filename>&c;</filename></annotation>'
OUTSIDE = voc_xml(ONE).replace(b"<xmin>10<", b"<xmin>900<").replace(b"<xmax>60<", b"<xmax>960<")


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xml", BOMB, "document type"),
        ("a.xml", b"<annotation>", "no valid XML"),
        ("a.xml", b"<svg/>", "no Pascal VOC"),
        ("a.xml", OUTSIDE, "outside the photograph of 400 x 300"),
        ("a.xml", voc_xml(ONE).replace(b"<width>400<", b"<width>-4<"), "width and height"),
        ("a.xml", voc_xml(ONE).replace(b"<xmin>10<", b"<xmin>nan<"), "four numbers"),
        ("a.json", b"[1]", "no annotations"),
        ("a.json", b"{", "no valid JSON"),
        ("a.json", b"[" * 100_000, "nested too deeply|no valid JSON"),
        ("a.json", b'{"images": [{"id": NaN}]}', "no valid JSON"),
        ("a.json", b'{"images": []}', "no list “categories”"),
        ("a.json", coco_json([ONE]).replace(b'"image_id": 1', b'"image_id": 7'), "does not list"),
        ("a.json", coco_json([ONE]).replace(b'"width": 400', b'"width": 4e8'), "which is none"),
        ("a.json", coco_json([ONE]).replace(b'"smear one.png"', b"null"), "does not name the photograph"),
        ("a.txt", b"9 .5 .5 .1 .1", "label number 9"),
        ("a.txt", b"0 1.5 .5 .1 .1", "line 1 is no YOLO"),
        ("a.txt", b"0 .5 .5", "line 1 is no YOLO"),
        ("a.csv", b"image,left\n", "lacks the columns bottom"),
        ("a.csv", b"\xff\xfe", "UTF-8"),
        ("a.zip", b"PK", "no readable zip"),
        ("a.zip", zipped("a.png", b"x"), "holds no annotations"),
        ("a.zip", zipped("a.xml", b" " * (MOST_BYTES + 1)), "once unpacked"),
        ("a.exe", b"", "no file of annotations"),
        ("a.json", b" " * (MOST_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_what_is_hostile_or_wrong_is_refused_in_words(name: str, data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_annotations(name, data)


def test_a_box_over_the_border_is_cut() -> None:
    data = voc_xml(ONE).replace(b"<xmax>400<", b"<xmax>450<")
    assert read_annotations("a.xml", data)[0].boxes[2].box == (300, 200, 400, 300)


def test_a_label_file_names_the_numbers() -> None:
    names = read_label_names(b"blast\nneutrophil\n")
    assert read_annotations("x.txt", b"1 .5 .5 .2 .2", names)[0].boxes[0].label == "neutrophil"
    with pytest.raises(InputError, match="names the labels"):
        read_label_names(b"\n")


@pytest.mark.parametrize(
    ("label", "means"),
    [("WBC", "white cell"), ("RBC", None), ("Platelets", None), ("NEU", "neutrophil"), ("blast", "blast")],
)
def test_labels_of_other_tools_are_understood(label: str, means: str | None) -> None:
    assert white_label(label) == means
