"""Audits of one's own images: started here, done in the background by the same command as on the command line, watched,
ended, gone on with, and opened when they are done."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from core.audit.conditions import USUAL, canonical, conditions_in
from core.audit.findings import MEASURES
from core.audit.launch import audits_folder, checked_audit, resume_audit, start_audit
from core.audit.operating import Wanted
from core.errors import InputError
from core.files import read_bounded
from core.models.checkpoints import find
from core.runs.directory import ACTIVE, RunDirectory, free_name
from core.runs.listing import RunEntry, list_runs
from core.runs.spawn import cancel
from dashboard import uploads
from dashboard.access import is_open
from dashboard.labelled_images import choose_images
from dashboard.models import chosen_names, root
from dashboard.state import recall, remember
from dashboard.ui.format import quoted

FAULT = "audit-own-fault"
SENSITIVITY, RISK = "audit-sensitivity", "audit-risk"  # the sliders that choose the operating point, in per cent
LIMITS = "audit-conditions"
LONGEST_LIMITS = 4000  # letters
LISTED = 8  # audits shown, the newest
LARGEST_REPORT = 5_000_000  # bytes of a report that is walked through here
MOST_SAMPLED = 500
STATES = {
    "waiting": "waits",
    "preparing": "goes on",
    "training": "goes on",
    "finishing": "goes on",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "was interrupted",
    "unknown": "unknown",
}


def offer_own_audits() -> None:
    """Offer an audit of images on the server, where long work may be started here, and list those begun."""
    if is_open():
        _order()
        _list()


def _order() -> None:
    images = choose_images()
    if images is None:
        return
    if images.data is None:
        (st.info if images.undecided else st.error)(quoted(images.fault), icon=":material/block:")
        return
    count = len(images.data.table)
    st.caption(f"{quoted(images.data.title)}: {count:,} images, {len(images.data.classes)} classes.")
    sample = st.slider(
        "Images that are changed and asked again", 5, MOST_SAMPLED, 25, 5, key="audit-sample",
        help="For other light, focus and stain, and for where the models look. More take longer and tell more: two "
        "cores need about 15 seconds an image for four models.",
    )  # fmt: skip
    conditions, faults = conditions_in(_conditions())
    for fault in faults:
        st.error(quoted(fault), icon=":material/block:")
    st.button(
        "Start the audit", type="primary", icon=":material/play_circle:", on_click=_start, key="audit-start",
        args=(images.place, images.kind, sample, tuple(map(canonical, conditions))), disabled=bool(faults),
    )  # fmt: skip


def _conditions() -> str:
    """Ask for the conditions that the audit is to judge by."""
    if LIMITS not in st.session_state:
        st.session_state[LIMITS] = recall(LIMITS, "\n".join(USUAL))
    text: str = st.text_area(
        "Conditions, one a line", key=LIMITS, height=110, max_chars=LONGEST_LIMITS, on_change=_keep_conditions,
        help="They are frozen when the audit starts, and stand in its report with their digest. Empty: the built-in "
        f"checks alone. Figures: {', '.join(MEASURES)}.",
    )  # fmt: skip
    return text or ""


def _keep_conditions() -> None:
    remember(LIMITS, st.session_state[LIMITS] or "")


def _start(place: str, kind: str, sample: int, conditions: tuple[str, ...]) -> None:
    remember(FAULT, "")
    try:
        models = [str(find(name, root()).resolve()) for name in chosen_names() if (root() / name).is_dir()]
        plain = Wanted()
        sensitivity = st.session_state.get(SENSITIVITY, 100 * plain.sensitivity) / 100
        risk = st.session_state.get(RISK, 100 * plain.risk) / 100
        spec = checked_audit(
            models=models, data=place, dataset=kind, sample=sample, sensitivity=sensitivity, risk=risk,
            conditions=conditions,
        )  # fmt: skip
        folder = audits_folder()
        start_audit(folder, free_name(folder, f"audit-{kind}"), spec)
    except InputError as error:
        remember(FAULT, str(error))


@st.fragment(run_every=2.0)
def _list() -> None:
    """The newest audits, each with what can be done about it, and what went wrong with the last button."""
    if uploads.store().audit:  # one was just opened: it takes the whole page
        st.rerun(scope="app")
    for entry in list_runs(audits_folder()).runs[:LISTED]:
        _show(entry)
    if recall(FAULT, ""):
        st.error(quoted(recall(FAULT, "")), icon=":material/block:")


def _show(entry: RunEntry) -> None:
    status = entry.status
    told = (status.error or status.message) if status is not None else entry.problem
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"audit-run-{entry.name}"):
        st.html(
            f'<p class="ll-sentence">{escape(entry.name)}: {STATES.get(entry.state, "unknown")}. '
            f'<span class="ll-quiet">{escape(told)}</span></p>'
        )
        if entry.state in ACTIVE:
            _button("Cancel", "stop_circle", _cancel, entry.name)
        elif entry.state == "done":
            _button("Open", "rule", _open, entry.name)
        else:
            _button("Resume", "play_circle", _resume, entry.name)


def _button(label: str, icon: str, act: Callable[[str], None], name: str) -> None:
    st.button(label, icon=f":material/{icon}:", key=f"audit-{label}-{name}", on_click=act, args=(name,))


def _cancel(name: str) -> None:
    _told(lambda: cancel(RunDirectory(audits_folder() / name)))


def _resume(name: str) -> None:
    _told(lambda: resume_audit(RunDirectory(audits_folder() / name)))


def _open(name: str) -> None:
    """Walk through the audit's report on this page."""
    data = read_bounded(audits_folder() / name / "report.json", LARGEST_REPORT)
    if data is None:
        remember(FAULT, f"The report of {name} is missing, or larger than {LARGEST_REPORT / 1e6:.0f} MB.")
        return
    held = uploads.store()
    held.audit, held.audit_run = data, name


def _told(act: Callable[[], None]) -> None:
    remember(FAULT, "")
    try:
        act()
    except InputError as error:
        remember(FAULT, str(error))
