"""The report of an audit as one page that opens offline and prints on A4, read back from JSON, and against another."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from core.audit.charts import chart_html, picture_html
from core.audit.checklists import CHECKLISTS, checklist_table
from core.audit.findings import STEP_TITLES, AuditTable, Finding, Remark, StepResult
from core.audit.plain_words import plain_words
from core.audit.run import AuditReport
from core.errors import InputError
from core.files import read_plain

LARGEST = 50_000_000  # bytes of a report that is read back
SIGNS = {"passed": "✓ passed", "failed": "✗ failed", "information": "for information", "not run": "not run"}
STANDINGS = {
    "diagnostic": "As it was made; nobody has said yet to have read it.",
    "reviewed": "An auditor says to have read every finding.",
    "released": "An auditor says that it was read and may be relied on, within what it says.",
}
CHECKLISTS_SAY = "What this report speaks to, and what it leaves to whoever reports on the models."
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1b22; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; break-after: avoid; }
h3 { font-size: 1rem; margin: 1.1rem 0 .3rem; break-after: avoid; }
.quiet { color: #55515e; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; margin: .2rem 0 .4rem; }
th, td { text-align: right; padding: .2rem .8rem .2rem 0; border-top: 1px solid #d9d6df; vertical-align: top; }
th:first-child, td:first-child, .words { text-align: left; } thead th { border-top: 0; font-weight: 600; }
.finding { margin: .35rem 0; padding: .3rem 0 .3rem .8rem; border-left: 4px solid #b9b5c2; break-inside: avoid; }
.finding.failed { border-left: 4px double #a04e30; } .finding.passed { border-left-color: #147c71; }
.sign { font-size: .85rem; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .5rem; white-space: nowrap; }
.failed .sign { border-style: dashed; } .signature { margin-top: 2.5rem; break-inside: avoid; }
.signature td { border: 0; border-bottom: 1px solid #85818e; height: 2.4rem; min-width: 14rem; text-align: left; }
figure { margin: .6rem 0 .8rem; break-inside: avoid; } figure img { max-width: 100%; width: 40rem; }
figcaption { font-size: .9rem; color: #55515e; } figcaption strong { color: #1d1b22; }
code { font-size: .85rem; overflow-wrap: anywhere; }
@page { size: A4; margin: 16mm; } @media print { body { margin: 0; max-width: none; font-size: 10.5pt; } }
"""


def html_report(report: AuditReport) -> str:
    """The whole report as one HTML document that needs nothing else."""
    parts = [_head(report), _plainly(report), _summary(report)]
    if report.conditions:
        parts.append(f"<h2>Conditions</h2>{_findings(report.conditions, report)}")
    parts += [_step(result, report) for result in report.results]
    parts += [_checklists(report), _signature(report)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Audit: {escape(report.data)}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _head(report: AuditReport) -> str:
    rows = "".join(
        f"<tr><td>{escape(model.title)} ({escape(model.name)})</td><td>{model.images:,}</td>"
        f"<td><code>{escape(model.weights_sha256[:16])}…</code></td></tr>"
        for model in report.models
    )
    notes = "".join(f'<p class="quiet">{escape(note)}</p>' for note in report.notes)
    return (
        f"<h1>Model audit</h1><p>{escape(report.data)}. Made by {escape(report.software)}. Not a medical device.</p>"
        f"<p>Status of this report: <strong>{report.standing}</strong>. {STANDINGS[report.standing]}</p>"
        f"{notes}<table><thead><tr><th>model</th><th>images answered</th><th>weights, SHA-256</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _plainly(report: AuditReport) -> str:
    """What the report comes to for each model."""
    parts = "".join(
        f"<h3>{escape(one.title)}</h3><p>{escape(one.reached)}</p>"
        + "".join(f"<p><strong>{head}</strong></p>{_listed(lines)}" for head, lines in one.parts)
        for one in plain_words(report)
    )
    return f"<h2>In plain words</h2>{parts}"


def _listed(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_unbroken(line)}</li>' for line in lines)}</ul>"


def _summary(report: AuditReport) -> str:
    told, failed = in_short(report)
    return f"<h2>In short</h2><p>{told}</p>{_findings(failed, report)}"


def in_short(report: AuditReport) -> tuple[str, list[Finding]]:
    """How many checks failed, and these: that is what a reader must know first."""
    failed = [finding for finding in report.findings if finding.status == "failed"]
    if failed:
        return f"{len(failed)} check{'s' if len(failed) > 1 else ''} failed.", failed
    open_ones = any(finding.status == "not run" for finding in report.findings)
    return "No check failed." + (" What was not run stands below." if open_ones else ""), []


def _step(result: StepResult, report: AuditReport) -> str:
    title = STEP_TITLES.get(result.step, result.step)
    charts, tables = "".join(map(chart_html, result.charts)), "".join(map(_table, result.tables))
    charts += "".join(map(picture_html, result.pictures))
    return f"<h2>{escape(title)}</h2>{_findings(result.findings, report)}{charts}{tables}"


def _checklists(report: AuditReport) -> str:
    """What the report says to the points of two reporting checklists, by the steps that found something."""
    run = run_steps(report)
    tables = "".join(_table(checklist_table(name, run)) for name in CHECKLISTS)
    return f'<h2>Reporting checklists</h2><p class="quiet">{CHECKLISTS_SAY}</p>{tables}'


def _findings(findings: Sequence[Finding], report: AuditReport) -> str:
    said = {remark.mark: remark for remark in report.remarks}
    return "".join(_finding(finding, said.get(finding.mark)) for finding in findings)


def _finding(finding: Finding, remark: Remark | None) -> str:
    whose = f"{escape(finding.model)}: " if finding.model else ""
    condition = f' <span class="quiet">Condition: {escape(finding.condition)}.</span>' if finding.condition else ""
    kind = finding.status.replace(" ", "-")
    return (
        f'<div class="finding {kind}"><span class="sign">{SIGNS[finding.status]}</span> '
        f"<strong>{whose}{escape(finding.title)}.</strong> {_unbroken(finding.sentence)}{condition}"
        f"{_said(remark)}</div>"
    )


def _said(remark: Remark | None) -> str:
    """The auditor's decision and words."""
    if remark is None or not (remark.decision or remark.words):
        return ""
    decision = f"<em>{escape(remark.decision)}</em>" if remark.decision else ""
    words = escape(remark.words)
    told = f"{decision}{': ' if decision and words else ''}{words}"
    return f'<br><span class="remark">{escape(by_whom(remark))}: {told}</span>'


def by_whom(remark: Remark) -> str:
    """Whose remark it is, and when it was made."""
    by = ", ".join(part for part in (remark.who, remark.when) if part)
    return f"Auditor{f' ({by})' if by else ''}"


def run_steps(report: AuditReport) -> list[str]:
    """The steps that found something, for the checklists."""
    return [one.step for one in report.results if any(finding.status != "not run" for finding in one.findings)]


def _table(table: AuditTable) -> str:
    kinds = [
        ' class="words"' if any(not numeric(row[k]) for row in table.rows) else "" for k in range(len(table.heads))
    ]
    heads = "".join(f"<th{kind}>{escape(head)}</th>" for kind, head in zip(kinds, table.heads, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{_unbroken(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in table.rows
    )
    note = f'<p class="quiet">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<h3>{escape(table.title)}</h3><div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>'
        f"</table></div>{note}"
    )


def numeric(cell: str) -> bool:
    """Whether a table's cell stands with numbers, at the right."""
    return cell in ("", "–") or cell.lstrip("+-−<>≤≥± ")[:1].isdigit()


def _unbroken(text: str) -> str:
    """A cell or sentence for the page, in which no line ends before a per cent sign."""
    return escape(text).replace(" %", "&nbsp;%")


def _signature(report: AuditReport) -> str:
    command = f"<p>Made again by: <code>{escape(report.command)}</code></p>" if report.command else ""
    command += f"<p>{escape(report.frozen.sentence)}</p>" if report.frozen else ""
    return (
        f'<div class="signature"><h2>Data and signature</h2><p>Fingerprint of the data: '
        f"<code>{escape(report.data_sha256)}</code></p>{command}<table><tbody><tr><td>Name</td><td></td></tr><tr><td>Date</td>"
        "<td></td></tr><tr><td>Signature</td><td></td></tr></tbody></table></div>"
    )


def read_report(path: Path) -> AuditReport:
    """Read a report.json; InputError where it is none of ours."""
    try:
        data = read_plain(path, LARGEST)
    except OSError as error:
        raise _no_report(str(path)) from error
    return parsed_report(data, str(path))


def parsed_report(data: bytes, name: str) -> AuditReport:
    """The report that a report.json called `name` holds; InputError where it is none of ours."""
    try:
        return AuditReport.model_validate_json(data)
    except (ValueError, RecursionError) as error:
        raise _no_report(name) from error


def _no_report(name: str) -> InputError:
    return InputError(f"{name} is no report of an audit: name the report.json that an audit wrote.")


def changed_findings(first: AuditReport, second: AuditReport) -> Sequence[str]:
    """What differs between two reports, a sentence each: findings that came, went, or changed status or figure."""

    def by_key(report: AuditReport) -> dict[tuple[str, str, str], Finding]:
        return {(one.step, one.model, one.key): one for one in report.findings}

    before, after = by_key(first), by_key(second)
    told = [f"{_name(before[key])}: only in the first ({before[key].status})" for key in before if key not in after]
    told += [f"{_name(after[key])}: only in the second ({after[key].status})" for key in after if key not in before]
    for key in before:
        if key in after and (change := _change(before[key], after[key])):
            told.append(f"{_name(after[key])}: {change}")
    return told


def _name(finding: Finding) -> str:
    return " / ".join(part for part in (finding.step, finding.model, finding.title) if part)


def _change(before: Finding, after: Finding) -> str:
    parts = [f"{before.status} -> {after.status}"] if before.status != after.status else []
    if before.figure is not None and after.figure is not None and before.figure != after.figure:
        parts.append(f"{before.figure:.4g} -> {after.figure:.4g}")
    return ", ".join(parts)
