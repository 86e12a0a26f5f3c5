"""What the auditor says on the Audit page: a decision and a remark to a finding, and the report's standing, kept in the
journal as they are made, with who, when and what was said before."""

from __future__ import annotations

import hashlib
from typing import get_args

import streamlit as st

from core.audit.findings import Decision, Finding, Remark, Standing
from core.audit.journal import LONGEST_NAME, Journal, JournalEntry, Overtaken
from core.audit.run import AuditReport
from core.errors import InputError
from dashboard import uploads
from dashboard.state import recall, remember
from dashboard.ui.format import quoted

DECISIONS: tuple[str, ...] = get_args(Decision)
STANDINGS: tuple[str, ...] = get_args(Standing)
MOST_WORDS = 2000  # letters of a remark
POINT = "operating//chosen"  # and what an operating point is chosen for
FAULT, NOTE, NAMED = "remark-fault", "remark-note", "auditor-name"
HELP_STANDING = "Diagnostic: as it was made. Reviewed: you have read every finding. Released: it may be relied on."
Said = dict[str, JournalEntry]


def walk_of(report: AuditReport) -> str:
    """Whose journal this is: that of an audit on this server, which its auditors share, else this browser's own."""
    held = uploads.store()
    if held.audit_run:
        return f"run:{held.audit_run}:{report.data_sha256[:16]}"
    return f"{uploads.owner()}:{report.data_sha256[:16] if held.audit else 'kept'}"


def journal_mark(report: AuditReport, finding: Finding) -> str:
    """The finding's mark, with a digest of the weights and of what was found: what was said of one thing does not go
    over to another.
    """
    weights = {model.name: model.weights_sha256 for model in report.models}
    about = weights.get(finding.model) or "".join(weights.values())
    return f"{finding.mark}@{_digest(about + finding.sentence)}"


def standing_mark(report: AuditReport) -> str:
    """The mark of what the report stands for: it holds as long as not one of its findings changes."""
    return f"report//standing@{_digest(''.join(journal_mark(report, finding) for finding in report.findings))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def said_in(report: AuditReport) -> Said:
    """The newest entries of the walk; none, and words on the page, where they cannot be read."""
    try:
        return Journal().said(walk_of(report))
    except InputError as error:
        st.error(quoted(str(error)), icon=":material/block:")
        return {}


def take_over(report: AuditReport) -> None:
    """Take what an opened report says to its findings, and what it stands for."""
    marks = {finding.mark: journal_mark(report, finding) for finding in report.findings}
    remarks = [one.model_copy(update={"mark": marks[one.mark]}) for one in report.remarks if one.mark in marks]
    if report.standing != "diagnostic":
        remarks.append(Remark(mark=standing_mark(report), words=report.standing))
    try:
        left = Journal().take_over(walk_of(report), remarks)
        remember(NOTE, f"{left} remarks of the file were left out: you said something else to their findings before."
                 if left else "")  # fmt: skip
    except InputError as error:
        remember(FAULT, str(error))


def with_remarks(report: AuditReport, said: Said) -> AuditReport:
    """The report with what was said to its findings, and what it stands for."""
    pairs = ((finding, said.get(journal_mark(report, finding))) for finding in report.findings)
    remarks = tuple(
        entry.as_remark().model_copy(update={"mark": finding.mark})
        for finding, entry in pairs
        if entry is not None and not entry.empty
    )
    return report.model_copy(update={"remarks": remarks, "standing": _standing(report, said)})


def _standing(report: AuditReport, said: Said) -> str:
    entry = said.get(standing_mark(report))
    words = "" if entry is None else entry.words
    return words if words in STANDINGS else STANDINGS[0]


def show_auditor(report: AuditReport, said: Said) -> None:
    """Ask who the auditor is, and what the report stands for; tell what could not be kept."""
    fault = recall(FAULT, "")
    if fault:
        st.error(quoted(fault), icon=":material/block:")
    if recall(NOTE, ""):
        st.info(recall(NOTE, ""), icon=":material/rule:")
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="audit-who"):
        st.text_input(
            "Your name", value=uploads.store().auditor, max_chars=LONGEST_NAME, key=NAMED, on_change=_take_name,
            help="It stands beside what you say, here and in the report.", width=360,
        )  # fmt: skip
        walk, mark = walk_of(report), standing_mark(report)
        key = f"audit-standing-{walk}-{mark}"
        _follow(key, (_standing(report, said),), said.get(mark), walk, mark)
        st.segmented_control(
            "Status of the report", STANDINGS, key=key, on_change=_take_standing, args=(walk, mark, key),
            help=HELP_STANDING, required=True,
        )  # fmt: skip
    _show_clash(walk, mark, "")
    _show_history(walk, mark, said.get(mark))


def _take_name() -> None:
    uploads.store().auditor = (st.session_state[NAMED] or "").strip()


def _take_standing(walk: str, mark: str, key: str) -> None:
    _say(walk, Remark(mark=mark, words=st.session_state[key] or STANDINGS[0]))


def ask_for_remark(report: AuditReport, finding: Finding, said: Said) -> None:
    """A finding's decision and remark, what somebody else said in the meantime, and what was said before."""
    walk, mark = walk_of(report), journal_mark(report, finding)
    entry = said.get(mark)
    decide, remark = f"decide-{walk}-{mark}", f"remark-{walk}-{mark}"
    shown = ("", "") if entry is None else (entry.decision, entry.words)
    _follow(decide, (shown[0] or None,), entry, walk, mark)
    _follow(remark, (shown[1],), entry, walk, mark)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.segmented_control(
            "Decision", DECISIONS, key=decide, label_visibility="collapsed", on_change=_take,
            args=(walk, mark, decide, remark),
        )  # fmt: skip
        st.text_input(
            "Remark", max_chars=MOST_WORDS, placeholder="Remark", key=remark, label_visibility="collapsed",
            on_change=_take, args=(walk, mark, decide, remark),
        )  # fmt: skip
        _show_history(walk, mark, entry)
    _show_clash(walk, mark, finding.title)


def kept_point(name: str, usual: float, low: float, high: float) -> float:
    """What the auditor chose last time for `name`, where it lies from `low` to `high`; else `usual`."""
    try:
        entry = Journal().said(f"{uploads.owner()}:{POINT}").get(name)
        value = float(entry.words) if entry is not None else usual
    except (InputError, ValueError):
        return usual
    return value if low <= value <= high else usual


def keep_point(name: str) -> None:
    """Keep what the slider of that key now says."""
    try:
        Journal().say(f"{uploads.owner()}:{POINT}", Remark(mark=name, words=f"{st.session_state[name]:g}"), None)
    except InputError as error:
        remember(FAULT, f"Your choice was not kept. {error}")


def _seen_key(walk: str, mark: str) -> str:
    return f"seen-{walk}-{mark}"


def _follow(key: str, shown: tuple[str | None], entry: JournalEntry | None, walk: str, mark: str) -> None:
    """Let a widget show the newest entry, and note which that is: what is said next is said knowing it."""
    number = 0 if entry is None else entry.number
    if key not in st.session_state or st.session_state.get(f"shown-{key}") != number:
        st.session_state[key] = shown[0]
    st.session_state[f"shown-{key}"] = number
    st.session_state[_seen_key(walk, mark)] = number


def _take(walk: str, mark: str, decide: str, remark: str) -> None:
    """Keep a decision and a remark as they are made."""
    words = (st.session_state.get(remark) or "").strip()
    facts = {"mark": mark, "decision": st.session_state.get(decide) or "", "words": words}
    _say(walk, Remark.model_validate(facts))


def _say(walk: str, remark: Remark) -> None:
    remember(FAULT, "")
    named = remark.model_copy(update={"who": uploads.store().auditor})
    try:
        kept = Journal().say(walk, named, st.session_state.get(_seen_key(walk, remark.mark)))
        st.session_state[_seen_key(walk, remark.mark)] = kept.number
        st.session_state.pop(_clash_key(walk, remark.mark), None)
    except Overtaken:
        st.session_state[_clash_key(walk, remark.mark)] = named
    except InputError as error:
        remember(FAULT, f"What you said was not kept. {error}")


def _clash_key(walk: str, mark: str) -> str:
    return f"clash-{walk}-{mark}"


def _show_clash(walk: str, mark: str, title: str) -> None:
    """Somebody spoke in the meantime: what stands above is theirs; mine waits for a decision."""
    mine: Remark | None = st.session_state.get(_clash_key(walk, mark))
    if mine is None:
        return
    told = ": ".join(part for part in (mine.decision, mine.words) if part) or "nothing"
    st.warning(
        f"Somebody spoke to this in the meantime, in another tab or place: theirs stands above. Yours: {quoted(told)}",
        icon=":material/sync_problem:",
    )
    with st.container(horizontal=True, gap="small"):
        label = f" ({title})" if title else ""
        st.button("Say mine instead", key=f"mine-{walk}-{mark}", on_click=_settle, args=(walk, mark, True),
                  help=f"Theirs stays in the history{label}.")  # fmt: skip
        st.button("Leave theirs", key=f"theirs-{walk}-{mark}", on_click=_settle, args=(walk, mark, False))


def _settle(walk: str, mark: str, mine: bool) -> None:
    remark: Remark | None = st.session_state.pop(_clash_key(walk, mark), None)
    if mine and remark is not None:
        _say(walk, remark)


def _show_history(walk: str, mark: str, entry: JournalEntry | None) -> None:
    """Who said what, and when, the newest first; read when it is opened."""
    if entry is None:
        return
    with st.popover("History", icon=":material/history:", key=f"history-{walk}-{mark}", on_change="rerun") as opened:
        if not opened.open:
            return
        try:
            entries = Journal().history(walk, mark)
        except InputError as error:
            st.error(quoted(str(error)), icon=":material/block:")
            return
        for one in reversed(entries):
            told = ": ".join(part for part in (one.decision, one.words) if part) or "taken back"
            st.markdown(quoted(f"{one.when}, {one.who or 'nobody named'}: {told}"))
