"""The report of an audit as a PDF on A4, made without a browser: what report.html says, in the same order."""

from __future__ import annotations

from collections.abc import Sequence

from core.audit.charts import chart_png, chart_words, heat_png
from core.audit.checklists import CHECKLISTS, checklist_table
from core.audit.findings import STEP_TITLES, AuditTable, Finding, StepResult
from core.audit.plain_words import plain_words
from core.audit.report import CHECKLISTS_SAY, SIGNS, STANDINGS, by_whom, in_short, run_steps
from core.audit.run import AuditReport
from core.audit.sheet import QUIET_INK, SMALL, Sheet

COLOURS = {"passed": "#147c71", "failed": "#a04e30", "information": "#85818e", "not run": "#85818e"}


def pdf_report(report: AuditReport) -> bytes:
    """The whole report as a PDF file; the same report gives the same bytes."""
    sheet = Sheet(f"Model audit: {report.data}", f"Model audit: {report.data}", report.software)
    _head(sheet, report)
    _plainly(sheet, report)
    told, failed = in_short(report)
    sheet.heading("In short")
    sheet.lines(told)
    _findings(sheet, failed, report)
    if report.conditions:
        sheet.heading("Conditions")
        _findings(sheet, report.conditions, report)
    for result in report.results:
        _step(sheet, result, report)
    sheet.heading("Reporting checklists")
    sheet.lines(CHECKLISTS_SAY, colour=QUIET_INK)
    for name in CHECKLISTS:
        sheet.table_of(checklist_table(name, run_steps(report)))
    _signature(sheet, report)
    return bytes(sheet.output())


def _head(sheet: Sheet, report: AuditReport) -> None:
    sheet.heading("Model audit", 0)
    sheet.lines(f"{report.data}. Made by {report.software}. Not a medical device.")
    sheet.lines(f"Status of this report: {report.standing}. {STANDINGS[report.standing]}", bold=True)
    for note in report.notes:
        sheet.lines(note, colour=QUIET_INK)
    rows = tuple((f"{one.title} ({one.name})", f"{one.images:,}", one.weights_sha256[:16] + "…")
                 for one in report.models)  # fmt: skip
    sheet.table_of(AuditTable(title="Models", heads=("model", "images answered", "weights, SHA-256"), rows=rows))


def _plainly(sheet: Sheet, report: AuditReport) -> None:
    sheet.heading("In plain words")
    for words in plain_words(report):
        sheet.heading(words.title, 2)
        if words.reached:
            sheet.lines(words.reached)
        for head, lines in words.parts:
            sheet.lines(head, bold=True)
            for line in lines:
                sheet.lines(f"• {line}", indent=4.0)


def _findings(sheet: Sheet, findings: Sequence[Finding], report: AuditReport) -> None:
    remarks = {remark.mark: remark for remark in report.remarks}
    sheet.ln(1.5)
    for finding in findings:
        notes = [f"Condition: {finding.condition}."] if finding.condition else []
        remark = remarks.get(finding.mark)
        if remark is not None and (remark.decision or remark.words):
            told = ": ".join(part for part in (remark.decision, remark.words) if part)
            notes.append(f"{by_whom(remark)}: {told}")
        whose = f"{finding.model}: " if finding.model else ""
        title, failed = f"{whose}{finding.title}", finding.status == "failed"
        sheet.finding(SIGNS[finding.status], COLOURS[finding.status], title, finding.sentence, notes, failed)


def _step(sheet: Sheet, result: StepResult, report: AuditReport) -> None:
    sheet.heading(STEP_TITLES.get(result.step, result.step))
    _findings(sheet, result.findings, report)
    for chart in result.charts:
        sheet.picture(chart_png(chart), chart.title, chart.note, chart_words(chart))
    for picture in result.pictures:
        note = f"{picture.text} {picture.note}".strip()
        sheet.picture(heat_png(picture), picture.title, note, picture.text)
    for table in result.tables:
        sheet.table_of(table)


def _signature(sheet: Sheet, report: AuditReport) -> None:
    """What the report rests on, the command that makes it again, and lines for a pen."""
    sheet.heading("Data and signature", with_next=75.0)
    sheet.lines(f"Fingerprint of the data: {report.data_sha256}", SMALL)
    if report.command:
        sheet.lines(f"Made again by: {report.command}", SMALL)
    if report.frozen:
        sheet.lines(report.frozen.sentence, SMALL)
    sheet.to_be_signed(("Name", "Date", "Signature"))
