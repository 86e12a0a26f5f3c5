"""The Audit page: the models' kept answers, or an audit of one's own data from the command line, walked through step by
step, each finding with a place for a decision and a remark, and the report to take away."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.audit.charts import chart_words, has_marks
from core.audit.findings import STEP_TITLES, AuditChart, AuditPicture, AuditTable, Finding, StepResult
from core.audit.operating import Wanted
from core.audit.plain_words import plain_words
from core.audit.report import parsed_report
from core.audit.run import WITHOUT_PICTURES, AuditOrder, AuditReport, run_audit
from core.errors import InputError
from core.evaluation.predictions import PREDICTIONS
from core.models.checkpoints import find
from dashboard import uploads
from dashboard.audit.downloads import offer_downloads
from dashboard.audit.gallery import show_gallery
from dashboard.audit.on_a_cell import show_shifts_on_a_cell
from dashboard.audit.own import RISK, SENSITIVITY, offer_own_audits
from dashboard.audit.remarks import (
    Said,
    ask_for_remark,
    keep_point,
    kept_point,
    said_in,
    show_auditor,
    take_over,
    with_remarks,
)
from dashboard.models import chosen_names, root, signature_of, title, title_or_name
from dashboard.ui.charts import DASHES, QUIET, Axis, Line, heat_figure, line_figure, plain_text, show
from dashboard.ui.format import quoted
from dashboard.ui.html import CLASS_COLOURS, table

ICONS = {"passed": "check_circle", "failed": "report", "information": "info", "not run": "pending"}
LARGEST_MB = 5  # of a report that is opened
MOST_FINDINGS = 500  # that it may have
COLOURS = tuple(CLASS_COLOURS.values())
LEAD = (
    "Walk through what the models' answers to their test images show. Accept a finding, flag it, or set it aside with "
    "a reason; the report takes it up."
)
COMMAND = "python -m core audit --model resnet50 --data DIR --groups slides.csv --out audit/"


def show_audit() -> None:
    """Show the audit that was opened, else that of the models switched on, or what is missing for one."""
    opened = _opened()
    if opened is not None:
        _walk(opened)
        return
    wanted = _wanted()
    names = [name for name in chosen_names() if (root() / name / PREDICTIONS).is_file()]
    for name in (name for name in chosen_names() if name not in names):
        st.caption(f"{quoted(title(name))} keeps no answers to test images: it is left out.")
    if not names:
        st.info("No model with kept answers is switched on. Switch one on under “Models”.", icon=":material/rule:")
        return
    try:
        with st.spinner("Looking at the answers"):
            report = _audited(str(root()), tuple((name, *_stamp(name)) for name in names), wanted)
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return
    _walk(report)


def _opened() -> AuditReport | None:
    """The report that the visitor opened; None where there is none, or none that can be walked through."""
    held = uploads.store()
    if not held.audit:
        st.markdown(LEAD)
        with st.expander("Your own images, or the report of an audit", icon=":material/folder_open:", key="audit-own"):
            _offer_upload()
            offer_own_audits()
            st.caption("On the command line, with slides, subgroups and other things besides:")
            st.code(COMMAND, language=None, wrap_lines=True)
    show_shifts_on_a_cell()
    if not held.audit:
        return None
    report = _checked(held.audit, "The report")
    if report is None:
        held.audit, held.audit_run = b"", ""
        return None
    st.button("Close this report", icon=":material/close:", on_click=_close)
    return report


def _offer_upload() -> None:
    """Take a report.json; what was said in it joins what is said here."""
    held = uploads.store()
    file = st.file_uploader(
        "Open the report.json of an audit", type="json", max_upload_size=LARGEST_MB, key=f"audit-{held.round}"
    )
    report = None if file is None else _checked(file.getvalue(), file.name)
    if file is None or report is None:
        return
    held.audit, held.audit_run = file.getvalue(), ""
    take_over(report)
    st.rerun()


def _checked(data: bytes, name: str) -> AuditReport | None:
    """The report in a file, None (and words on the page) where it is none, or too long."""
    try:
        report = parsed_report(data, name)
        if len(report.findings) > MOST_FINDINGS:
            raise InputError(f"{name} has more than {MOST_FINDINGS:,} findings: it cannot be walked through here.")
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return None
    return report


def _close() -> None:
    """Back to the kept answers; decisions and remarks stay."""
    held = uploads.store()
    held.audit, held.audit_run = b"", ""
    held.round += 1


def _wanted() -> tuple[float, float]:
    """What operating points are chosen for: sensitivity, and the largest share of wrong answers."""
    plain = Wanted()
    for key, usual, most in ((SENSITIVITY, plain.sensitivity, 100), (RISK, plain.risk, 10)):
        if key not in st.session_state:
            kept = kept_point(key, 100 * usual, 50 if key == SENSITIVITY else 0, most)
            st.session_state[key] = round(kept) if key == SENSITIVITY else kept
    with st.container(horizontal=True, gap="medium"):
        sensitivity = st.slider(
            "Wanted sensitivity, %", 50, 100, key=SENSITIVITY, on_change=keep_point, args=(SENSITIVITY,),
            help="Each class's probability threshold is the highest that reaches this.",
        )  # fmt: skip
        risk = st.slider(
            "Wrong answers allowed, %", 0.0, 10.0, step=0.5, key=RISK, on_change=keep_point, args=(RISK,),
            help="The surest answers are given, as many as this allows; the others are left to a person.",
        )  # fmt: skip
    return sensitivity / 100, risk / 100


def _stamp(name: str) -> tuple[int, int, tuple[tuple[str, int, int], ...]]:
    facts = (root() / name / PREDICTIONS).stat()
    return facts.st_mtime_ns, facts.st_size, signature_of(root() / name)


@st.cache_data(show_spinner=False, max_entries=8)
def _audited(place: str, stamped: tuple[tuple[object, ...], ...], wanted: tuple[float, float]) -> AuditReport:
    names = [str(stamp[0]) for stamp in stamped]
    models = tuple(find(name, root()) for name in names)
    order = AuditOrder(models, root(), steps=WITHOUT_PICTURES, wanted=Wanted(*wanted))
    words = ["python -m core audit", *(f"--model {name}" for name in names)]
    command = " ".join([*words, f"--sensitivity {wanted[0]:g} --risk {wanted[1]:g}"])
    return run_audit(order, lambda line: None, command)


@st.fragment
def _walk(report: AuditReport) -> None:
    """The steps as tabs, and the report with the remarks so far."""
    failed = sum(finding.status == "failed" for finding in report.findings)
    said = said_in(report)
    whole = with_remarks(report, said)
    told = "No check failed." if not failed else f"{failed} check{'s' if failed > 1 else ''} failed."
    st.html(
        f'<p class="ll-sentence">{told} <span class="ll-quiet">{escape(report.data)}. {len(whole.remarks)} of '
        f"{len(report.findings)} findings have a decision or a remark.</span></p>"
    )
    _show_plainly(report)
    show_auditor(report, said)
    titles = [quoted(STEP_TITLES.get(one.step, one.step)) for one in report.results]
    for tab, result in zip(st.tabs(titles) if titles else (), report.results, strict=True):
        with tab:
            _show_step(report, result, said)
            show_gallery(result.step, report)
    offer_downloads(whole)


def _show_plainly(report: AuditReport) -> None:
    """What the report comes to, a model at a time."""
    with st.expander("In plain words: where each model fails, and what not to use it for", icon=":material/notes:"):
        for words in plain_words(report):
            st.html(f'<p class="ll-title">{escape(words.title)}</p>')
            if words.reached:
                st.markdown(quoted(words.reached))
            for head, lines in words.parts:
                items = "\n".join(f"- {quoted(line)}" for line in lines)
                st.markdown(f"**{head}**\n\n{items}")


def _show_step(report: AuditReport, result: StepResult, said: Said) -> None:
    for finding in result.findings:
        _show_finding(report, finding, said)
    for chart in result.charts:
        _show_chart(chart)
    for picture in result.pictures:
        _show_picture(picture)
    for one in result.tables:
        st.html(f'<p class="ll-title">{escape(one.title)}</p>{_as_html(one)}')
        if one.note:
            st.caption(quoted(one.note))


def _show_chart(chart: AuditChart) -> None:
    """The chart, its lines told apart by colour and dash."""
    st.html(f'<p class="ll-title">{escape(chart.title)}</p>')
    lines = [
        Line(name=title_or_name(line.name), x=line.x, y=line.y, hover=f"{chart.x_title} %{{x:.2f}}, %{{y:.3f}}",
             colour=CLASS_COLOURS.get(line.name, COLOURS[number % len(COLOURS)]), dash=DASHES[number % len(DASHES)],
             markers=has_marks(chart))
        for number, line in enumerate(chart.lines)
    ]  # fmt: skip
    if chart.diagonal:
        hover = plain_text(chart.diagonal_name)
        lines.append(Line(name=chart.diagonal_name, x=(0, 1), y=(0, 1), hover=hover, colour=QUIET, width=1))
    figure = line_figure(lines, Axis(chart.x_title), Axis(chart.y_title), 320)
    show(figure, f"chart-{chart.title}", chart_words(chart))
    if chart.note:
        st.caption(quoted(chart.note))


def _show_picture(picture: AuditPicture) -> None:
    """The heat maps side by side, and in words where each lies."""
    st.html(f'<p class="ll-title">{escape(picture.title)}</p>')
    names = [panel.name for panel in picture.panels]
    figure = heat_figure(names, [panel.values for panel in picture.panels], "share of the largest value %{z:.2f}")
    show(figure, f"picture-{picture.title}", picture.text)
    st.caption(quoted(f"{picture.text} {picture.note}".strip()))


def _as_html(found: AuditTable) -> str:
    heads = [f'<th scope="col">{escape(head)}</th>' for head in found.heads]
    rows = [
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in found.rows
    ]
    return table(found.title, heads, rows)


def _show_finding(report: AuditReport, finding: Finding, said: Said) -> None:
    whose = f"{title_or_name(finding.model)}: " if finding.model else ""
    with st.container(border=True, gap="xsmall", key=f"finding-{finding.mark}"):
        st.markdown(
            f":material/{ICONS[finding.status]}: **{quoted(whose + finding.title)}** ({finding.status}). "
            f"{quoted(finding.sentence)}"
        )
        if finding.condition:
            st.caption(quoted(f"Condition: {finding.condition}."))
        ask_for_remark(report, finding, said)
