"""Our maps beside those of pytorch-grad-cam, lime, shap and captum: the same question, asked of the library itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.explanation.engine import FAITHFUL
from core.explanation.methods.registry import METHODS
from core.explanation.reference.check import ReferenceCheck
from core.explanation.reference.registry import REFERENCES, WITHOUT, Reference
from core.explanation.render import SATURATED, by_pixel, overlay, signed_heat, signed_overlay
from core.explanation.wording import raw
from dashboard.explain.jobs import ExplainRequest, ModelRow
from dashboard.explain.rendering import Look
from dashboard.explain.scoring import MapOf
from dashboard.explain.verification import Comparison, found, line, look_after, stop_all, verify
from dashboard.ui.format import quoted, took
from dashboard.ui.html import progress_bar

WIDTH = 170  # px of a map: two side by side on a phone
CHECK = "Check against the reference library"
ROUGH = (
    f"Ours was computed in bfloat16, whose numbers keep three digits: a rank correlation of {FAITHFUL:g} is asked for. "
    "Choose float32 above to compare value by value."
)


def show_verification(rows: Sequence[ModelRow], asked: ExplainRequest, look: Look) -> None:
    """Show the panel for one model's maps of a class."""
    st.subheader("Does the reference library agree?")
    subjects = _choose(rows, asked)
    look_after()
    if not subjects:
        st.caption("There is no map to check yet.")
        return
    comparisons = {subject.method: found(subject) for subject in subjects}
    busy = any(comparison is not None and comparison.going_on for comparison in comparisons.values())
    _buttons(subjects, busy)
    for subject in subjects:
        _show(subject, comparisons[subject.method], look)


def _choose(rows: Sequence[ModelRow], asked: ExplainRequest) -> list[MapOf]:
    """The maps in question: one model's, of one class, by every method or by one."""
    able = {row.name: row for row in rows if row.explanations}
    if not able:
        return []
    with st.container(horizontal=True, gap="medium", vertical_alignment="top"):
        model = st.selectbox(
            "Model", list(able), format_func=lambda name: able[name].title, width=190, key="verify-model"
        )
        row = able[model]
        methods = [name for name in asked.methods if name in row.explanations]
        chosen = st.selectbox(
            "Method",
            ["", *methods] if len(asked.methods) > 1 else methods,
            format_func=lambda name: METHODS[name].title if name else "All shown here",
            width=190,
            key="verify-method",
        )
        classes = row.explanations[methods[0]].classes
        prediction = row.answer.prediction
        named = classes.index(prediction.predicted) if prediction is not None else 0
        label = st.selectbox("Class", classes, index=named, width=190, key=f"verify-class-{model}-{asked.subject.key}")
    return [MapOf(row, name, label) for name in ([chosen] if chosen else methods)]


def _buttons(subjects: Sequence[MapOf], busy: bool) -> None:
    able = [subject for subject in subjects if subject.method in REFERENCES]
    with st.container(horizontal=True, gap="small"):
        st.button(
            CHECK,
            key="verify",
            icon=":material/fact_check:",
            disabled=busy or not able,
            on_click=verify,
            args=(able,),
            help="Computes the same map by pytorch-grad-cam, lime, shap or captum from end to end: the same picture, "
            "settings and random draws, one thread, in a process of its own. It takes from seconds to several minutes.",
        )
        if busy:
            st.button("Stop", key="stop-verify", icon=":material/stop_circle:", on_click=stop_all)


def _show(subject: MapOf, comparison: Comparison | None, look: Look) -> None:
    title = METHODS[subject.method].title
    if subject.method in WITHOUT:
        st.caption(f"{title}: {WITHOUT[subject.method]}")
        return
    if comparison is None:
        return
    reference = REFERENCES[subject.method]
    with st.container(key=f"verify-{subject.method.replace('+', 'p')}", gap="xxsmall"):
        st.markdown(f"**{title}** of {quoted(subject.row.title)} for {quoted(subject.label)}, by {reference.library}")
        if comparison.going_on:
            _show_progress(comparison, title)
        elif not comparison.result.checks:
            icon = ":material/stop_circle:" if comparison.process.state == "stopped" else ":material/block:"
            st.warning(comparison.result.reason, icon=icon)
        else:
            _show_check(comparison, comparison.result.checks[0], reference, look)
            _show_age(subject, comparison)


def _show_progress(comparison: Comparison, title: str) -> None:
    process = comparison.process
    before = line().look(process)
    if process.state == "waiting":
        others = "one check" if before == 1 else f"{before} checks"
        st.html(progress_bar(f"waiting for {others} before it", 0, 1, title))
        return
    done, expected = process.progress
    words = f"loading model and library, {took(process.elapsed)}"
    if done:
        rest = process.elapsed * (expected - done) / done
        words = f"{done:,} of {expected:,} pictures shown to the model, {took(process.elapsed)}, some {took(rest)} left"
    st.html(progress_bar(words, done, max(expected, 1), title))


def _show_check(comparison: Comparison, check: ReferenceCheck, reference: Reference, look: Look) -> None:
    show = st.success if check.agrees else st.error
    show(
        f"{_words(check)} It took {took(check.seconds)} for this class; ours took {took(comparison.seconds)} for all.",
        icon=":material/check_circle:" if check.agrees else ":material/error:",
    )
    pictures = [_painted(comparison, values, check, look) for values in (check.ours, check.theirs)]
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        for picture, caption in zip(pictures, ("Ours", f"{check.library} {check.version}"), strict=True):
            with st.container(width=WIDTH, gap="xxsmall"):
                st.image(picture, width=WIDTH, alt=f"{caption}: {METHODS[check.method].title} for {check.label}")
                st.html(f'<p class="ll-caption"><strong>{escape(caption)}</strong></p>')
        with st.container(width=WIDTH, gap="xxsmall"):
            drawn = signed_heat(check.difference, check.largest_difference, look.diverging)
            st.image(drawn, width=WIDTH, alt="Ours less the library's, pixel by pixel")
            st.html(f'<p class="ll-caption"><strong>Difference</strong><br>{escape(_magnified(check))}</p>')
    limit, why = reference.limit
    told = f"Tolerance: {100 * limit:g} % of the largest value. {why}" if check.precision == "float32" else ROUGH
    st.caption(f"{reference.compares} {told}")


def _words(check: ReferenceCheck) -> str:
    verdict = "The maps agree" if check.agrees else "The maps differ"
    if not check.ours.any() and not check.theirs.any():
        return f"{verdict}: no evidence in either, 0 everywhere."
    percentage = 100 * check.relative_difference
    share = "none" if percentage == 0 else "< 0.001 %" if percentage < 0.001 else f"{percentage:.2g} %"
    ranks = "" if check.rank_correlation is None else f", rank correlation {check.rank_correlation:.4f}"
    difference = raw(check.largest_difference)
    return f"{verdict}: largest difference {difference}, {share} of the map's largest value{ranks}."


def _magnified(check: ReferenceCheck) -> str:
    if check.largest_difference == 0:
        return "none at any pixel"
    times = check.largest_value / check.largest_difference
    return f"magnified {times:,.0f} times" if times > 1.5 else "as large as the map"


def _painted(
    comparison: Comparison, values: NDArray[np.float32], check: ReferenceCheck, look: Look
) -> NDArray[np.uint8]:
    """A map over the picture that the model saw; the scale is one for both."""
    explanation, both = comparison.explanation, np.stack([check.ours, check.theirs])
    top = float(np.percentile(np.abs(both), SATURATED)) if by_pixel(explanation) else 0.0
    scale = top or float(np.abs(both).max())
    if explanation.signed:
        return signed_overlay(explanation.view, values, look.opacity, look.diverging, scale)
    return overlay(explanation.view, values, look.opacity, look.palette, scale)


def _show_age(subject: MapOf, comparison: Comparison) -> None:
    then, now = comparison.explanation.evaluations, subject.explanation.evaluations
    if then != now:
        st.caption(f"Checked when the map rested on {then:,} evaluations; it now rests on {now:,}.")
