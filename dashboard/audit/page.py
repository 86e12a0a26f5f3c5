"""The Audit page: the models' kept answers walked through step by step, each finding with a place for a decision and a
remark, and the report to take away."""

from __future__ import annotations

from html import escape
from typing import get_args

import streamlit as st

from core.audit.findings import STEP_TITLES, AuditTable, Decision, Finding, Remark, StepResult
from core.audit.report import html_report
from core.audit.run import AuditOrder, AuditReport, run_audit
from core.errors import InputError
from core.evaluation.predictions import PREDICTIONS
from core.models.checkpoints import find
from dashboard import uploads
from dashboard.models import chosen_names, root, signature_of, title
from dashboard.ui.format import quoted
from dashboard.ui.html import table

DECISIONS: tuple[str, ...] = get_args(Decision)
ICONS = {"passed": "check_circle", "failed": "report", "information": "info", "not run": "pending"}
MOST_WORDS = 2000  # letters of a remark
MOST_REMARKS = 2000  # that a browser keeps
LEAD = (
    "Walk through what the models' answers to their test images show. Accept a finding, flag it, or set it aside with "
    "a reason; the report takes it up. On your own images, with their slides and a check of the pictures' frames, the "
    "same audit runs on the command line:"
)
COMMAND = "python -m core audit --model resnet50 --data DIR --groups slides.csv --out audit/"


def show_audit() -> None:
    """Show the audit of the models switched on, or what is missing for one."""
    st.markdown(LEAD)
    st.code(COMMAND, language=None, wrap_lines=True)
    names = [name for name in chosen_names() if (root() / name / PREDICTIONS).is_file()]
    for name in (name for name in chosen_names() if name not in names):
        st.caption(f"{quoted(title(name))} keeps no answers to test images: it is left out.")
    if not names:
        st.info("No model with kept answers is switched on. Switch one on under “Models”.", icon=":material/rule:")
        return
    try:
        with st.spinner("Looking at the answers"):
            report = _audited(str(root()), tuple((name, *_stamp(name)) for name in names))
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return
    _walk(report)


def _stamp(name: str) -> tuple[int, int, tuple[tuple[str, int, int], ...]]:
    facts = (root() / name / PREDICTIONS).stat()
    return facts.st_mtime_ns, facts.st_size, signature_of(root() / name)


@st.cache_data(show_spinner=False, max_entries=8)
def _audited(place: str, stamped: tuple[tuple[object, ...], ...]) -> AuditReport:
    names = [str(stamp[0]) for stamp in stamped]
    order = AuditOrder(tuple(find(name, root()) for name in names), root())
    command = " ".join(["python -m core audit", *(f"--model {name}" for name in names)])
    return run_audit(order, lambda line: None, command)


@st.fragment
def _walk(report: AuditReport) -> None:
    """The steps as tabs, and the report with the remarks so far."""
    failed = sum(finding.status == "failed" for finding in report.findings)
    said = remarks_of(report)
    told = "No check failed." if not failed else f"{failed} check{'s' if failed > 1 else ''} failed."
    st.html(
        f'<p class="ll-sentence">{told} <span class="ll-quiet">{escape(report.data)}. {len(said)} of '
        f"{len(report.findings)} findings have a decision or a remark.</span></p>"
    )
    for tab, result in zip(st.tabs([STEP_TITLES[one.step] for one in report.results]), report.results, strict=True):
        with tab:
            _show_step(report, result)
    whole = report.model_copy(update={"remarks": said})
    with st.container(horizontal=True, gap="small", key="audit-report"):
        st.download_button(
            "Download the report",
            html_report(whole).encode(),
            "leukolens-audit.html",
            "text/html",
            icon=":material/description:",
            type="primary",
            on_click="ignore",
            help="One page that opens offline and prints on A4, with your decisions and remarks.",
        )
        st.download_button(
            "Download as JSON",
            whole.model_dump_json(indent=2).encode(),
            "leukolens-audit.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
    st.caption(
        "Decisions and remarks outlive a reload. They go two hours after the last look: take the report with you."
    )


def _show_step(report: AuditReport, result: StepResult) -> None:
    for finding in result.findings:
        _show_finding(report, finding)
    for one in result.tables:
        st.html(f'<p class="ll-title">{escape(one.title)}</p>{_as_html(one)}')
        if one.note:
            st.caption(quoted(one.note))


def _as_html(found: AuditTable) -> str:
    heads = [f'<th scope="col">{escape(head)}</th>' for head in found.heads]
    rows = [
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in found.rows
    ]
    return table(found.title, heads, rows)


def _show_finding(report: AuditReport, finding: Finding) -> None:
    key = _key(report, finding)
    decision, words = uploads.store().remarks.get(key, ("", ""))
    whose = f"{title(finding.model)}: " if finding.model else ""
    with st.container(border=True, gap="xsmall", key=f"finding-{finding.mark}"):
        st.markdown(
            f":material/{ICONS[finding.status]}: **{quoted(whose + finding.title)}** ({finding.status}). "
            f"{quoted(finding.sentence)}"
        )
        if finding.condition:
            st.caption(quoted(f"Condition: {finding.condition}."))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.segmented_control(
                "Decision",
                DECISIONS,
                default=decision or None,
                key=f"decide-{key}",
                label_visibility="collapsed",
                on_change=_take,
                args=(key,),
            )
            st.text_input(
                "Remark",
                value=words,
                max_chars=MOST_WORDS,
                placeholder="Remark",
                key=f"remark-{key}",
                label_visibility="collapsed",
                on_change=_take,
                args=(key,),
            )


def _key(report: AuditReport, finding: Finding) -> tuple[str, str]:
    return report.data_sha256[:16], finding.mark


def _take(key: tuple[str, str]) -> None:
    """Keep a decision and a remark as they are made."""
    held = uploads.store().remarks
    chosen = (st.session_state.get(f"decide-{key}") or "", (st.session_state.get(f"remark-{key}") or "").strip())
    held.pop(key, None)
    if any(chosen):
        held[key] = chosen
    while len(held) > MOST_REMARKS:
        held.pop(next(iter(held)))


def remarks_of(report: AuditReport) -> tuple[Remark, ...]:
    """What this browser's auditor said to the findings of a report."""
    held = uploads.store().remarks
    pairs = ((finding.mark, held.get(_key(report, finding))) for finding in report.findings)
    return tuple(
        Remark.model_validate({"mark": mark, "decision": said[0], "words": said[1]}) for mark, said in pairs if said
    )
