"""How far a map has come, and the ways to stop it and to go on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.explanation.engine import Explanation
from core.explanation.method import Method
from core.explanation.wording import uncertainty_text
from dashboard import state
from dashboard.explain.jobs import MapJob, ModelRow, going_on
from dashboard.ui.format import quoted, took, unbroken
from dashboard.ui.glossary import with_terms
from dashboard.ui.html import progress_bar
from dashboard.url import setting, with_setting

STATES = {
    "waiting": "waiting for its turn",
    "running": "",
    "done": "finished",
    "stopped": "stopped",
    "failed": "failed",
}


def show_progress(map_job: MapJob, explanation: Explanation | None, title: str) -> None:
    """Show how far one model's maps have come; nothing for maps of one pass that are there."""
    if map_job.method.instant and map_job.job.state == "done":
        return
    st.html(progress_bar(progress_words(map_job), map_job.job.evaluations, map_job.job.budget, title))
    told = uncertainty_text(explanation) if explanation is not None else ""
    if told:
        st.html(f'<div class="ll-caption">{with_terms(unbroken(told))}</div>')
    show_buttons(map_job, title)


def show_summary(rows: Sequence[ModelRow], head: str) -> None:
    """Say in a line, after the `head` that names the picture, how much is going on; with a button that stops it all."""
    busy = going_on(rows)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="work"):
        st.html(f'<p class="ll-title">{escape(head)}</p>', width="content")
        if not busy:
            return
        slow = sum(not map_job.method.instant for row in rows for map_job in row.jobs.values())
        told = f"{len(busy)} of {slow} rows are still sharpening" if len(busy) > 1 else "One row is still sharpening"
        st.html(f'<p class="ll-caption">{told}; the page can be used meanwhile.</p>', width="content")
        st.button(
            "Stop all",
            key="stop-all",
            type="tertiary",
            icon=":material/stop_circle:",
            on_click=_stop,
            args=(busy,),
            help="What was found so far stays.",
        )


def offer_more(method: Method, map_jobs: Sequence[MapJob]) -> None:
    """Show a button that doubles a method's budget for all models, once all have spent theirs."""
    budget = method.budget
    if budget is None or not map_jobs or any(map_job.job.state != "done" for map_job in map_jobs):
        return
    now = int(setting(state.get("set"), method, budget))
    more = min(int(budget.high or now), 2 * now)
    if more <= now or all(map_job.job.budget < now for map_job in map_jobs):
        return
    st.button(
        f"Go on to {more:,} {budget.title.lower()}",
        key=f"more-{method.name}",
        type="tertiary",
        icon=":material/add_circle:",
        on_click=lambda: state.put("set", with_setting(state.get("set"), method, budget.name, more)),
        help="The maps sharpen from where they stand; nothing is done twice.",
    )


def progress_words(map_job: MapJob) -> str:
    """Say how much of a budget is spent, in which time."""
    job, budget = map_job.job, map_job.method.budget
    unit = budget.title.lower() if budget is not None else "passes"
    state = STATES.get(job.state, job.state)
    so_far = f"{job.evaluations:,}" if job.evaluations > job.budget else f"{job.evaluations:,} of {job.budget:,}"
    return f"{so_far} {unit}, {took(job.seconds)}{f', {state}' if state else ''}"


def show_buttons(map_job: MapJob, title: str) -> None:
    """Show the way to stop work that goes on, or to go on with what was stopped or has failed."""
    if map_job.going_on:
        st.button(
            "Stop",
            key=f"stop-{map_job.key}",
            type="tertiary",
            icon=":material/stop_circle:",
            on_click=_stop,
            args=([map_job],),
            help=f"Stop {map_job.method.title} of {quoted(title)}; what was found so far stays.",
        )
    elif map_job.job.state in ("stopped", "failed"):
        st.button(
            "Continue" if map_job.job.state == "stopped" else "Try again",
            key=f"continue-{map_job.key}",
            type="tertiary",
            icon=":material/play_circle:",
            on_click=_continue,
            args=(map_job,),
            help=f"Go on with {map_job.method.title} of {quoted(title)} from where it stands.",
        )


def _stop(map_jobs: Sequence[MapJob]) -> None:
    for map_job in map_jobs:
        map_job.job.stop()


def _continue(map_job: MapJob) -> None:
    map_job.job.resume()
