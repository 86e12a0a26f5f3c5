"""The report as a PDF: read back with pypdf, word for word, whatever the words are."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from core.audit.checklists import CLAIM, TRIPOD
from core.audit.findings import AuditChart, AuditLine, AuditPanel, AuditPicture, AuditTable, Finding, Remark, StepResult
from core.audit.pdf import pdf_report
from core.audit.run import AuditedModelFacts, AuditReport

SHA = "0123456789abcdef" * 4
MODEL = AuditedModelFacts(name="toy", title="A toy <b>", weights_sha256=SHA, images=1234)
LINE = AuditLine(name="toy", x=(0.0, 1.0), y=(0.2, 0.9))
CHART = AuditChart(title="How often", x_title="x", y_title="y", lines=(LINE,), note="Made up.")


def finding(key: str, **facts: object) -> Finding:
    usual = {"step": "use", "key": key, "title": f"Title {key}", "status": "information", "sentence": f"Said of {key}."}
    return Finding.model_validate(usual | facts)


def report(*findings: Finding, **facts: object) -> AuditReport:
    tables, charts = facts.pop("tables", ()), facts.pop("charts", ())
    step = StepResult(step="use", findings=findings, tables=tables, charts=charts)  # type: ignore[arg-type]
    usual = {"software": "leukolens 0", "data": "made up", "data_sha256": SHA, "models": (MODEL,), "results": (step,)}
    return AuditReport.model_validate(usual | facts)


def read(made: AuditReport) -> PdfReader:
    return PdfReader(BytesIO(pdf_report(made)))


def words(made: AuditReport) -> str:
    """All that stands on the pages, without blanks (lines end anywhere) and without the pages' feet."""
    text = "".join(page.extract_text() for page in read(made).pages)
    return re.sub(r"Modelaudit:\S{0,90}?page\d+of\d+", "", re.sub(r"\s", "", text))


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_everything_that_was_found_stands_in_it() -> None:
    table = AuditTable(title="A table", heads=("class", "share"), rows=(("basophil", "98.0 % (97.0 % to 99.0 %)"),),
                       note="A note.")  # fmt: skip
    found = (
        finding("one", status="failed", condition="c <= 1", model="toy"),
        finding("two", status="passed"),
        finding("three", status="not run"),
    )
    remark = Remark(mark=found[0].mark, decision="flagged", words="look again", who="A. Auditor", when="2026-11-27")
    made = report(
        *found, tables=(table,), charts=(CHART,), standing="reviewed", remarks=(remark,),
        command="python -m core audit", notes=("Only answers.",),
        conditions=(finding("limit", step="conditions", status="passed"),),
    )  # fmt: skip
    text = words(made)
    for told in (
        "Model audit", "made up. Made by leukolens 0. Not a medical device.", "Status of this report: reviewed.",
        "Only answers.", "A toy <b> (toy)", "1,234", SHA[:16], "In short", "1 check failed.", "Conditions",
        "Title limit", "Intended use", "✗ failed", "toy: Title one", "Condition: c <= 1.", "✓ passed", "not run",
        "Said of three.",
        "Auditor (A. Auditor, 2026-11-27): flagged: look again", "How often.", "Made up.", "98.0 % (97.0 % to 99.0 %)",
        "A note.", f"Fingerprint of the data: {SHA}", "Made again by: python -m core audit", "Name", "Date",
        "Signature",
    ):  # fmt: skip
        assert bare(told) in text, told
    assert text.count("✗failed") == text.count("toy:Titleone") == 2  # in short, and in its step
    assert all(bare(point.topic) in text for point in (*CLAIM, *TRIPOD))
    assert sum(len(page.images) for page in read(made).pages) == 1


def test_pages_are_a4_and_numbered_and_the_file_says_what_it_is() -> None:
    pdf = read(report(*(finding(str(number)) for number in range(60))))
    assert len(pdf.pages) > 3
    for number, page in enumerate(pdf.pages, 1):
        assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
        assert f"page {number} of {len(pdf.pages)}" in page.extract_text()
    assert pdf.metadata is not None and pdf.metadata.title == "Model audit: made up"
    assert "Intended use" in [entry.title for entry in pdf.outline]  # type: ignore[union-attr]


def test_the_same_report_gives_the_same_bytes() -> None:
    made = report(finding("one"), charts=(CHART,))
    assert pdf_report(made) == pdf_report(made) != pdf_report(report(finding("one")))


def test_a_table_of_forty_classes_is_whole_and_on_the_page() -> None:
    names = [f"class number {number}" for number in range(40)]
    rows = tuple((name, *(str(1000 + 40 * k + j) for j in range(40))) for k, name in enumerate(names))
    made = report(tables=(AuditTable(title="wide", heads=("true class", *(f"called {name}" for name in names)),
                                     rows=rows),))  # fmt: skip
    seen: set[str] = set()
    for page in read(made).pages:

        def place(text: str, _: object, matrix: list[float], __: object, ___: object) -> None:
            if text.strip():
                assert 40 < matrix[4] < 595 - 40 and 25 < matrix[5] < 842 - 30, text
            seen.update(text.split())

        page.extract_text(visitor_text=place)
    assert {cell for row in rows for cell in row[1:]} <= seen


@pytest.mark.parametrize("letter", ["Q", "ж", "@"])
def test_a_word_without_end_is_broken_and_none_of_it_lost(letter: str) -> None:
    long = letter * 3000
    table = AuditTable(title="long", heads=("image", "labelled"), rows=((letter * 400, letter * 400),))
    text = words(report(finding("one", sentence=long, status="failed"), tables=(table,)))
    assert text.count(letter) == 2 * 3000 + 800  # in short and in its step, and in two cells


def test_foreign_letters_stand_there_and_what_the_font_lacks_is_marked() -> None:
    text = words(report(finding("one", sentence="Ω заголовок ± Übel 白血球 \x07 {nb} \ufffc. End.")))
    assert "Ωзаголовок±Übel\ufffd\ufffd\ufffd\ufffd{nb}\ufffd.End." in text


def test_markup_in_a_remark_is_text() -> None:
    one = finding("one")
    told = "<script>alert(1)</script> **bold** __under__ --struck-- [a](http://b)"
    remark = Remark(mark=one.mark, words=told, who="<i>Me</i>")
    pdf = read(report(one, remarks=(remark,)))
    assert f"Auditor (<i>Me</i>): {told}" in " ".join(pdf.pages[0].extract_text().split())
    assert not any("/Annots" in page for page in pdf.pages)


def test_an_empty_report_is_one_all_the_same() -> None:
    text = words(AuditReport(software="", data="", data_sha256="0" * 64, models=(), results=()))
    assert "Nocheckfailed." in text and "Signature" in text
    blank = AuditTable(title="", heads=("",), rows=(("",),))
    none = AuditTable(title="none", heads=(), rows=())
    empty = AuditChart(title="", x_title="", y_title="", lines=())
    assert "Signature" in words(report(finding("", title="", sentence=""), tables=(blank, none), charts=(empty,)))
    assert "50furtherrows" in words(report(tables=(blank.model_copy(update={"rows": (("a",),) * 450}),)))


def test_heat_maps_are_pictures_with_their_words() -> None:
    panels = tuple(AuditPanel(name=f"map {k}", values=((0.0, 1.0), (0.5, 0.0)), words=f"Said of {k}") for k in range(8))
    shown = AuditPicture(title="Mean maps", panels=panels, note="A note.")
    made = report().model_copy(update={"results": (StepResult(step="looks", pictures=(shown,)),)})
    assert bare(shown.text) in words(made) and "Meanmaps." in words(made) and "Anote." in words(made)
    assert sum(len(page.images) for page in read(made).pages) == 1
