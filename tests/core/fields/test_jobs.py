"""Counting in the background: a job ends, fails photograph by photograph, and stops where nobody looks; the report."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from PIL import Image

from core.fields import jobs
from core.fields.annotations import NO_WHITE_CELL, AnnotatedBox, AnnotatedPhotograph
from core.fields.cells import FieldCell
from core.fields.count import differential
from core.fields.jobs import CountedPhotograph, CountJob, CountTask, FieldCounter
from core.fields.report import ReportPhotograph, field_report_html

CELL = FieldCell(1, (10, 10, 60, 60), 0.9, False)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (120, 90), (210, 190, 220)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photograph_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "detect_cells", lambda *_, **__: [CELL])
    bad, good = CountedPhotograph(), CountedPhotograph()
    counter = FieldCounter()
    job = counter.begin([CountTask("a.png", b"no picture", bad), CountTask("b.png", picture(), good)], [])
    assert job.wait(30) and job.share == 1 and not job.going_on
    assert "a.png" in bad.fault and good.cells == (CELL,) and good.size == (90, 120)
    counter.close()


def test_a_fault_of_ours_is_told_without_its_details(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[FieldCell]:
        raise ValueError("inner")

    monkeypatch.setattr(jobs, "detect_cells", fail)
    into = CountedPhotograph()
    CountJob([CountTask("a.png", picture(), into)], []).run()
    assert into.fault == jobs.FAULT and into.cells is None


def test_work_that_nobody_looks_at_ends_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, progress: Callable[[float], None], cancelled: Callable[[], bool]) -> list[FieldCell]:
        while not cancelled():
            progress(0.5)
        return []

    monkeypatch.setattr(jobs, "detect_cells", endless)
    into = CountedPhotograph()
    job = CountJob([CountTask("a.png", picture(), into)], [], lease=0.05)
    job.run()
    assert into.cells is None and not into.fault and not job.going_on


def test_the_report_holds_every_cell_and_runs_no_foreign_text() -> None:
    boxes = (AnnotatedBox((1, 2, 30, 40), "<b>x", 1), AnnotatedBox((50, 2, 80, 40), NO_WHITE_CELL, 2))
    told = ReportPhotograph(AnnotatedPhotograph("<script>.png", 120, 90, boxes), "data:image/jpeg;base64,AA", 3)
    text = field_report_html([told], {"Consensus": differential(["<b>x"], (), 0.1)}, {}, "today").decode()
    assert "<script" not in text and "<b>" not in text and len(re.findall("<rect", text)) == 2
    assert "1 white cells of 1 photographs, 3 corrections" in text and "100.0 %, 20.7–100.0" in text
    assert not re.search(r"https?://", text)
