"""The scores of every map on the page in one table that can be sorted, each beside the best of its controls, with a
verdict in a line."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.explanation.methods.registry import METHODS
from core.explanation.quality.scores import SCORES, ScoreRow, Scoring
from dashboard.explain.figure import label_of_row
from dashboard.explain.jobs import ExplainRequest, ModelRow
from dashboard.explain.scoring import SCORING, MapOf, find_check, scoring_of, start_scoring

TOLERANCE = (
    "A map counts as better than its controls on a score only where it is ahead of all three by more than the score's "
    f"margin ({' or '.join(f'{margin:g}' for margin in sorted({score.margin for score in SCORES.values()}))}). "
    "Scores of different models are not comparable: each rests on that model's own probabilities."
)


def show_all_scores(rows: Sequence[ModelRow], asked: ExplainRequest) -> None:
    """Show the button that scores all maps of the chosen class, and what was found so far."""
    subjects = [
        MapOf(row, method, label)
        for row in rows
        for method in asked.methods
        if method in row.explanations and (label := label_of_row(row)) is not None
    ]
    if len(subjects) < 2:
        return
    found = {subject.key: find_check(SCORING, subject) for subject in subjects}
    waiting = [subject for subject in subjects if found[subject.key] is None]
    busy = sum(check is not None and check.going_on for check in found.values())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"Score all {len(subjects)} maps" if waiting else "All maps are scored",
            key="score-all",
            icon=":material/rule:",
            disabled=not waiting,
            on_click=_start,
            args=(waiting, asked.private),
            help="Of each model by each method the map of the class that is chosen as “One class”: by default the one "
            "that the model names.",
        )
        if busy:
            st.caption(f"{busy} of {len(subjects)} maps are still being scored.")
    scored = [(subject, scoring_of(check)) for subject in subjects if (check := found[subject.key]) is not None]
    told = [(subject, scoring) for subject, scoring in scored if scoring.rows]
    if told:
        table = pd.DataFrame([_line(subject, scoring) for subject, scoring in told])
        st.dataframe(table, hide_index=True, alt="Every map's scores, each beside the best of its controls")
        st.caption(TOLERANCE)


def _start(subjects: Sequence[MapOf], private: bool) -> None:
    for subject in subjects:
        start_scoring(subject, private)


def _line(subject: MapOf, scoring: Scoring) -> dict[str, object]:
    line: dict[str, object] = {
        "Model": subject.row.title,
        "Method": METHODS[subject.method].title,
        "Class": subject.label,
        "Verdict": verdict_of(scoring),
    }
    for row in scoring.rows:
        title = SCORES[row.score].title
        line[title] = None if row.value is None else round(row.value, 2)
        best = best_control(row)
        line[f"{title}, best control"] = None if best is None else round(best, 2)
    return line


def best_control(row: ScoreRow) -> float | None:
    """The control's value that is hardest to beat; None where there is no control, or neither way is better."""
    values = [value for value in row.controls.values() if value is not None]
    better = SCORES[row.score].better
    return None if not values or not better else max(values) if better == "higher" else min(values)


def verdict_of(scoring: Scoring) -> str:
    """Say on how many scores the map is ahead of all its controls, of those that can tell."""
    ahead, told = 0, 0
    for row in scoring.rows:
        best = best_control(row)
        if row.value is None or best is None:
            continue
        told += 1
        sign = 1 if SCORES[row.score].better == "higher" else -1
        ahead += sign * (row.value - best) > SCORES[row.score].margin
    if not told:
        return "nothing to compare yet"
    if not ahead:
        return f"no better than its controls on any of {told} scores"
    return f"better than all its controls on {ahead} of {told} scores"
