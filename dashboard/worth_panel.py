"""What one map is worth: its scores beside controls, its curves, and the randomisation check."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.explanation.cell_mask import cell_masks
from core.explanation.methods import METHODS
from dashboard.agreement_view import show_agreement_of_maps
from dashboard.explained import Asked, Row
from dashboard.jobs import STOPPED
from dashboard.look import Look, shown_picture
from dashboard.outline import outlined
from dashboard.progress import progress_bar
from dashboard.randomisation_view import show_randomisation
from dashboard.score_charts import show_curves
from dashboard.score_table import glossary, score_table
from dashboard.scored import RANDOMISATION, SCORES, Check, MapOf, found, randomisation_of, randomise, score, worth_of
from dashboard.words import percent, took

PREVIEW = 150
TITLES = {SCORES: "Scoring this map", RANDOMISATION: "Checking with random weights"}


def show_worth(rows: Sequence[Row], asked: Asked, look: Look) -> bool:
    """Show the panel for one map of the reader's choice; tell whether work on it goes on."""
    st.subheader("What is a map worth?")
    subject = _choose(rows, asked)
    if subject is None:
        st.caption("There is no map to score yet.")
        return False
    scores, check = found(SCORES, subject), found(RANDOMISATION, subject)
    _show_subject(subject, look)
    _buttons(subject, asked, scores, check)
    for kind, work in ((SCORES, scores), (RANDOMISATION, check)):
        if work is not None:
            _show_work(kind, work, subject)
    show_agreement_of_maps(subject, rows)
    with st.expander("What these scores mean", icon=":material/menu_book:"):
        st.markdown(glossary())
    return any(work is not None and work.going_on for work in (scores, check))


def _choose(rows: Sequence[Row], asked: Asked) -> MapOf | None:
    methods = [name for name in asked.methods if any(name in row.explanations for row in rows)]
    if not methods:
        return None
    with st.container(horizontal=True, gap="medium", vertical_alignment="top"):
        method = st.selectbox(
            "Method", methods, format_func=lambda name: METHODS[name].title, width=190, key="worth-method"
        )
        able = {row.name: row for row in rows if method in row.explanations}
        model = st.selectbox(
            "Model", list(able), format_func=lambda name: able[name].title, width=190, key="worth-model"
        )
        row = able[model]
        classes = row.explanations[method].classes
        prediction = row.answer.prediction
        named = classes.index(prediction.predicted) if prediction is not None else 0
        label = st.selectbox("Class", classes, index=named, width=190, key=f"worth-class-{model}-{asked.subject.key}")
    return MapOf(row, method, label)


def _show_subject(subject: MapOf, look: Look) -> None:
    row, explanation, scene = subject.row, subject.explanation, subject.row.scene
    if scene is None:
        return
    stamp = row.tickets[subject.method].stamp(explanation)
    masks = cell_masks(scene)
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        title = f"{METHODS[subject.method].title} of {row.title} for {subject.label}"
        st.image(
            shown_picture(stamp, explanation, subject.label, look), width=PREVIEW, alt=f"The map in question: {title}"
        )
        st.image(outlined(stamp, scene), width=PREVIEW, alt="The cell's outline, and the nucleus's, on the picture")
        st.html(
            f'<p class="ll-caption">{escape(_mask_words(masks.found, masks.estimated, float(masks.cell.mean())))}</p>'
        )


def _mask_words(known: bool, estimated: bool, share: float) -> str:
    if not known:
        return "No cell was found in this picture: scores that ask where the cell is cannot be told."
    whose = (
        "The outline of the cell is an estimate of the preprocessing, not the truth"
        if estimated
        else "The outline of the cell is your own mask"
    )
    return (
        f"{whose}; the inner one is the nucleus, always an estimate. The cell covers {percent(share)} of the picture."
    )


def _buttons(subject: MapOf, asked: Asked, scores: Check | None, check: Check | None) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Score this map" if scores is None else "Score it again",
            key="score",
            icon=":material/rule:",
            disabled=scores is not None and scores.going_on,
            on_click=score,
            args=(subject, asked.private),
            help="Hides and uncovers the picture in the map's order and in three controls' orders, and asks the model.",
        )
        st.button(
            "Run the randomisation check",
            key="randomise",
            icon=":material/shuffle:",
            disabled=check is not None and check.going_on,
            on_click=randomise,
            args=(subject, asked.private),
            help="Draws the model's weights anew, from its last stage down, and looks whether the map changes. One "
            "that does not change does not explain the model (Adebayo et al. 2018).",
        )


def _show_work(kind: str, work: Check, subject: MapOf) -> None:
    job = work.job
    if job.state == "failed":
        st.warning(job.fault, icon=":material/block:")
        return
    if work.going_on or job.state == STOPPED:
        words = f"{TITLES[kind]}: {job.evaluations:,} of {job.budget:,} evaluations, {took(job.seconds)}"
        st.html(
            progress_bar(words if work.going_on else f"{words}, stopped", job.evaluations, job.budget, TITLES[kind])
        )
        if work.going_on:
            st.button("Stop", key=f"stop-{kind}", type="tertiary", icon=":material/stop_circle:", on_click=job.stop)
        else:
            st.button("Continue", key=f"go-{kind}", type="tertiary", icon=":material/play_circle:", on_click=job.resume)
    if kind == RANDOMISATION:
        show_randomisation(randomisation_of(work), finished=job.state == "done")
        return
    now = subject.explanation.evaluations
    if now != work.evaluations:
        st.caption(f"Scored when the map rested on {work.evaluations:,} evaluations; it now rests on {now:,}.")
    worth = worth_of(work)
    if worth.rows:
        st.html(score_table(worth))
    show_curves(worth.curves, worth.label)
