"""What leaves the Fields page and what comes in: the count and its boxes in five formats and as a report, and
annotations to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

import streamlit as st

from core.classes import CLASSES
from core.errors import InputError
from core.fields.annotation_files import SUFFIXES_READ, read_annotations, read_label_names
from core.fields.annotations import (
    CLASSES_FILE,
    AnnotatedPhotograph,
    boxes_csv,
    coco_json,
    fields_json,
    voc_zip,
    yolo_zip,
)
from core.fields.count import ClassCount
from core.fields.report import ReportPhotograph, field_report_html, share_words
from core.fields.truth import OVERLAP, CountedPicture, FieldScore, belongs_to, score_fields
from dashboard import uploads
from dashboard.field_work import FieldMemory, whole_address
from dashboard.fields.tally import NamedCell, annotated, file_name
from dashboard.ui.format import quoted
from dashboard.ui.html import CLASS_COLOURS, table

LARGEST_MB = 20
MOST_SHOWN = 6  # boxes named in a sentence
Cells = Mapping[str, Sequence[NamedCell]]


def offer_exports(memory: FieldMemory, cells: Cells, counts: Mapping[str, Sequence[ClassCount]]) -> None:
    """Buttons that save the photographs' cells as they stand, after the corrections; made when pressed."""

    def photographs() -> list[AnnotatedPhotograph]:
        return [annotated(memory, key, members) for key, members in cells.items()]

    def report() -> bytes:
        told = [
            ReportPhotograph(annotated(memory, key, members), whole_address(key), len(memory.reviews[key].done))
            for key, members in cells.items()
        ]
        made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return field_report_html(told, counts, CLASS_COLOURS, made, score_of(memory, cells))

    ways: tuple[tuple[str, str, str, Callable[[], bytes]], ...] = (
        ("Report (HTML)", "count.html", "text/html", report),
        ("CSV", "cells.csv", "text/csv", lambda: boxes_csv(photographs())),
        ("JSON", "fields.json", "application/json", lambda: fields_json(photographs(), _plain_counts(counts))),
        ("COCO", "coco.json", "application/json", lambda: coco_json(photographs())),
        ("Pascal VOC", "voc.zip", "application/zip", lambda: voc_zip(photographs())),
        ("YOLO", "yolo.zip", "application/zip", lambda: yolo_zip(photographs())),
    )
    with st.container(horizontal=True, gap="small", key="fields-exports"):
        for words, name, kind, make in ways:
            st.download_button(
                words, make, f"leukolens-{name}", kind, key=f"fields-save-{words}", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip


def _plain_counts(counts: Mapping[str, Sequence[ClassCount]]) -> dict[str, object]:
    return {
        who: {row.label: {"cells": row.number, **row.share.model_dump(mode="json")} for row in rows}
        for who, rows in counts.items()
    }


def score_of(memory: FieldMemory, cells: Cells) -> FieldScore | None:
    """How the cells compare with the annotations that were brought; None without any."""
    keys = [key for key in cells if key in memory.truths]
    if not keys:
        return None
    found = [annotated(memory, key, [cell for cell in cells[key] if cell.one.white]).boxes for key in keys]
    return score_fields(found, [memory.truths[key] for key in keys])


def offer_truth(memory: FieldMemory, key: str, cells: Cells) -> None:
    """Take annotations of the photographs, and say how the cells, as they stand, compare with them."""
    kinds = ", ".join(SUFFIXES_READ)
    st.file_uploader(
        f"Annotations of these photographs: COCO, Pascal VOC, YOLO, CSV or our JSON ({kinds})",
        type=[suffix.lstrip(".") for suffix in SUFFIXES_READ],
        accept_multiple_files=True,
        max_upload_size=LARGEST_MB,
        key=f"fields-truth-{uploads.store().round}",
        on_change=_take,
        args=(memory, tuple(cells)),
        help=f"YOLO files count labels from 0: bring their {CLASSES_FILE}, too.",
    )
    with st.container(horizontal=True, gap="small"):
        if key in memory.drawn and key not in memory.truths:
            st.button(
                "Take what was drawn as the truth", key="fields-drawn", icon=":material/science:",
                on_click=memory.truths.update, args=({key: memory.drawn[key]},),
            )  # fmt: skip
        if memory.truths:
            st.button("Forget the annotations", key="fields-truth-off", type="tertiary", on_click=memory.truths.clear)
    for message in memory.told:
        st.error(quoted(message), icon=":material/block:")
    score = score_of(memory, cells)
    if score is not None:
        _show_score(score, [file_name(one) for one in cells if one in memory.truths])


def _take(memory: FieldMemory, keys: Sequence[str]) -> None:
    """Read what was brought; each photograph's annotations replace those that it had."""
    listed = st.session_state[f"fields-truth-{uploads.store().round}"]
    memory.told = []
    pictures = [_picture(memory, key) for key in keys]
    labels = [file for file in listed if file.name == CLASSES_FILE]
    try:
        known = read_label_names(labels[0].getvalue()) if labels else CLASSES
    except InputError as error:
        memory.told.append(str(error))
        return
    for file in listed:
        if file.name == CLASSES_FILE:
            continue
        try:
            for truth in read_annotations(file.name, file.getvalue(), known):
                _match(memory, truth, keys, pictures)
        except InputError as error:
            memory.told.append(str(error))


def _match(
    memory: FieldMemory, truth: AnnotatedPhotograph, keys: Sequence[str], pictures: Sequence[CountedPicture]
) -> None:
    try:
        index, placed = belongs_to(truth, pictures)
    except InputError as error:
        memory.told.append(str(error))
        return
    memory.truths[keys[index]] = placed


def _picture(memory: FieldMemory, key: str) -> CountedPicture:
    height, width = memory.counted[key].size
    return CountedPicture(file_name(key), uploads.digest_of(uploads.store().files[key].data), width, height)


def _show_score(score: FieldScore, names: Sequence[str]) -> None:
    rows = [
        ("recall: annotated white cells that were found", score.recall),
        ("precision: finds that are annotated white cells", score.precision),
        ("named as annotated, where the annotation names a class", score.right),
    ]
    lines = [
        f'<tr><th scope="row">{words}</th><td>{escape(share_words(found))}</td><td>{found.of}</td></tr>'
        for words, found in rows
    ]
    heads = [f'<th scope="col">{head}</th>' for head in ("", "share, 95 % interval", "of")]
    st.html(table("Against annotations", heads, lines))
    told = f"{len(names)} photographs, boxes that overlap by at least {OVERLAP:g} of their union."
    if score.left_out:
        told += f" {score.left_out} annotations of red cells, platelets or the like were left out."
    st.caption(f"{told} The cells are taken as they stand, after your corrections.")
    _show_confusion(score)
    for words, boxes in (("Missed", score.missed), ("No annotated cell", score.extra)):
        if boxes:
            places = "; ".join(f"{names[at]} at {box[0]}, {box[1]}" for at, box in boxes[:MOST_SHOWN])
            st.caption(quoted(f"{words}: {len(boxes)} ({places}{'; …' if len(boxes) > MOST_SHOWN else ''})"))


def _show_confusion(score: FieldScore) -> None:
    true = list(dict.fromkeys(pair[0] for pair in score.confusion))
    said = sorted({pair[1] for pair in score.confusion})
    if not true:
        return
    counts = {(one, other): number for one, other, number in score.confusion}
    heads = ['<th scope="col">annotated, named</th>', *(f'<th scope="col">{escape(name)}</th>' for name in said)]
    lines = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{counts.get((name, other), 0)}</td>" for other in said)
        + "</tr>"
        for name in true
    ]
    st.html(table("Confusion of annotated and named classes", heads, lines))
