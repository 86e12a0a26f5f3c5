"""What one map is worth: its scores beside those of control maps, their curves, the randomisation check, and whether
methods and models agree. `show_quality`, at the end, puts the parts together."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
import streamlit as st

from core.explanation.context import cell_masks
from core.explanation.engine import Explanation
from core.explanation.methods.registry import METHODS
from core.explanation.quality.randomisation import Level, Randomisation
from core.explanation.quality.scores import SCORES, Curve, ScoreRow, Scoring
from core.explanation.quality.similarity import SimilarityMatrix, similarity_matrix
from dashboard.explain.all_scores import show_all_scores
from dashboard.explain.jobs import STOPPED, ExplainRequest, ModelRow
from dashboard.explain.rendering import Look, outlined, shown_picture
from dashboard.explain.scoring import (
    RANDOMISATION,
    SCORING,
    Check,
    MapOf,
    find_check,
    randomisation_of,
    randomise,
    scoring_of,
    start_scoring,
)
from dashboard.ui.charts import ACCENT, QUIET, Line, bar_figure, line_figure, percent_axis, plain_text, show
from dashboard.ui.format import percent, took
from dashboard.ui.html import progress_bar

CONTROLS = {"random": "Random", "edges": "Edges", "centre": "Centre"}

BETTER = {"higher": "higher is better", "lower": "lower is better", "": "neither way is better"}


def score_table(scoring: Scoring) -> str:
    """Return HTML: two lines a score, its figures and its sentence."""
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("This map", *CONTROLS.values()))
    rows = "".join(_score_row(row) for row in scoring.rows)
    label = f"Scores of {escape(scoring.method)} for {escape(scoring.label)}, beside those of three control maps"
    return (
        f'<div class="ll-wide"><table class="ll-scores" aria-label="{label}"><thead><tr><th scope="col">Score</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def score_glossary() -> str:
    """Return every score's meaning and source as Markdown."""
    controls = (
        "Controls: **random** is noise, **edges** marks wherever the picture changes, **centre** is a blob in the "
        "middle, where the cell nearly always is. A map that scores no better says no more than they do."
    )
    return "\n".join([controls, "", *(f"- **{one.title}**: {one.help} ({one.paper}.)" for one in SCORES.values())])


def _score_row(row: ScoreRow) -> str:
    kind = SCORES[row.score]
    figures = "".join(f"<td>{_score_figure(row.controls.get(name))}</td>" for name in CONTROLS)
    return (
        f'<tr><th scope="row" title="{escape(kind.help)}">{escape(kind.title)} '
        f'<span class="ll-quiet">{BETTER[kind.better]}</span></th>'
        f"<td><strong>{_score_figure(row.value)}</strong></td>{figures}</tr>"
        f'<tr class="ll-said"><td colspan="{2 + len(CONTROLS)}">{escape(row.sentence)}</td></tr>'
    )


def _score_figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


KINDS = {
    "deletion": "Deletion: hidden, most relevant first",
    "insertion": "Insertion: uncovered, most relevant first",
    "road-most": "ROAD: painted over, most relevant first",
    "road-least": "ROAD: painted over, least relevant first",
}

LINES = {
    "map": ("This map", ACCENT, "solid", 2.5),
    "random": ("Random", QUIET, "1px,3px", 1.5),
    "edges": ("Edges", QUIET, "6px,3px", 1.5),
    "centre": ("Centre", QUIET, "9px,3px,2px,3px", 1.5),
}

HEIGHT = 190


def show_score_curves(curves: Sequence[Curve], label: str) -> None:
    """Show a chart a kind of curve, all to the same scale."""
    kinds = [kind for kind in KINDS if any(curve.kind == kind for curve in curves)]
    if not kinds:
        return
    grid = st.grid(len(kinds), min_column_width=205, gap=14, key="score-curves")
    for kind in kinds:
        with grid.cell():
            own = [curve for curve in curves if curve.kind == kind]
            st.html(f'<p class="ll-caption">{KINDS[kind]}</p>')
            show(score_figure(own, label), f"curve-{kind}", _alt(KINDS[kind], own, label))
    st.caption(f"Probability of {label} by the model.")


def score_figure(curves: Sequence[Curve], label: str) -> go.Figure:
    """One kind of curve: the probability of `label` by the share of pixels, of the map and of the controls."""
    lines = [
        Line(
            name=title,
            x=[100 * float(part) for part in curve.shares],
            y=[100 * float(value) for value in curve.probabilities],
            hover=f"{title}: {plain_text(label)} has<br>%{{y:.1f}} % after %{{x:.0f}} % of the pixels",
            colour=colour,
            dash=dash,
            width=width,
        )
        for name, (title, colour, dash, width) in LINES.items()
        for curve in curves
        if curve.of == name
    ]
    return line_figure(lines, percent_axis("% of the pixels"), percent_axis("probability, %"), HEIGHT, legend_columns=1)


def _alt(title: str, curves: Sequence[Curve], label: str) -> str:
    areas = ", ".join(f"{LINES[curve.of][0].lower()} {curve.area:.2f}" for curve in curves if curve.of in LINES)
    return f"{title}: probability of {label}; area under the curve: {areas}"


def show_randomisation(check: Randomisation, finished: bool) -> None:
    """Show the verdict once there is one, and a bar a level."""
    if finished:
        sort = st.warning if check.passed is False else st.info
        icons = {True: ":material/check_circle:", False: ":material/report:", None: ":material/help:"}
        sort(f"Randomisation check. {check.verdict}", icon=icons[check.passed])
    if check.levels:
        st.html(
            '<p class="ll-caption"><strong>Likeness to the original map</strong> (rank correlation) with everything '
            "from the head down to this stage drawn anew</p>"
        )
        label = f"Likeness of the map of {check.label} to the original, by how much of the model was drawn anew"
        told = ", ".join(f"{level.stage} {_level_figure(level)}" for level in check.levels)
        show(level_figure(check), "levels", f"{label}: {told}")
        others = [("another seed, trained model", check.ceiling), *check.controls.items()]
        st.caption(
            "For comparison: " + "; ".join(f"{name} {value:.2f}" for name, value in others if value is not None) + "."
        )


def level_figure(check: Randomisation) -> go.Figure:
    """A bar a level, from 0 to 1, of the map's likeness to the original."""
    return bar_figure(
        [level.stage for level in check.levels],
        [level.similarity for level in check.levels],
        [_level_figure(level) for level in check.levels],
        [ACCENT] * len(check.levels),
        [
            f"Drawn anew from the head down to {level.stage}:<br>"
            + (f"likeness {_level_figure(level)}" if level.similarity is not None else "no map is left")
            for level in check.levels
        ],
        label_width=130,
    )


def _level_figure(level: Level) -> str:
    return "no map" if level.similarity is None else f"{level.similarity:.2f}".replace("-", "−")


SENTENCE = (
    "Rank correlations of the maps: 1 where they order the picture alike, 0 where they have nothing in common. That "
    "maps agree does not make them true."
)


def show_agreement_of_maps(subject: MapOf, rows: Sequence[ModelRow]) -> None:
    """Show how alike the maps of the chosen class are: of all methods in this model, of all models by this method."""
    titles = {row.name: row.title for row in rows} | {name: kind.title for name, kind in METHODS.items()}
    methods = [name for name in subject.row.explanations if not _sharpening(subject.row, name)]
    models = [row for row in rows if subject.method in row.explanations and not _sharpening(row, subject.method)]
    unfinished = [titles[name] for name in subject.row.explanations if name not in methods]
    tables = []
    if len(methods) > 1:
        pairs = [(subject.row, method) for method in methods]
        tables.append((f"Methods, in {subject.row.title}", _agreement(pairs, subject.label)))
    if len(models) > 1:
        pairs = [(row, subject.method) for row in models]
        tables.append((f"Models, by {METHODS[subject.method].title}", _agreement(pairs, subject.label)))
    if not tables and not unfinished:
        return
    st.html(f'<h4 class="ll-method">Do the maps of {escape(subject.label)} agree?</h4>')
    grid = st.grid(2, min_column_width=300, gap=18, key="agreement")
    for title, found in tables:
        grid.html(f'<p class="ll-title">{escape(title)}</p>{agreement_table(found, titles)}')
    left_out = f" Left out until they are finished: {', '.join(unfinished)}." if unfinished else ""
    st.caption(f"{SENTENCE}{left_out}")


def _sharpening(row: ModelRow, method: str) -> bool:
    """Whether a map will still change: no table of agreement holds it."""
    return method in row.jobs and row.jobs[method].going_on


def agreement_table(found: SimilarityMatrix, titles: dict[str, str]) -> str:
    """Return HTML: the lower triangle of the matrix, and below it what was left out and why."""
    names = [titles.get(name, name) for name in found.names]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names[:-1])
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{_agreement_figure(float(found.matrix[index, other]))}</td>" for other in range(index))
        + "<td></td>" * (len(names) - 1 - index)
        + "</tr>"
        for index, name in enumerate(names)
        if index
    )
    table = (
        f'<div class="ll-wide"><table class="ll-matrix"><tr><td></td>{head}</tr>{lines}</table></div>' if lines else ""
    )
    left = "".join(
        f'<p class="ll-caption">{escape(titles.get(name, name))} is left out: {escape(_told(reason, titles))}.</p>'
        for name, reason in found.left_out.items()
    )
    return table + left


def _agreement(pairs: Sequence[tuple[ModelRow, str]], label: str) -> SimilarityMatrix:
    stamps = tuple(row.jobs[method].stamp(row.explanations[method]) for row, method in pairs)
    return _compared(stamps, label, [row.explanations[method] for row, method in pairs])


@st.cache_resource(show_spinner=False, max_entries=24, scope="session")
def _compared(stamps: tuple[str, ...], label: str, _explanations: list[Explanation]) -> SimilarityMatrix:
    return similarity_matrix(_explanations, label)


def _told(reason: str, titles: dict[str, str]) -> str:
    """The reason, with the title where it ends in a name."""
    start, space, name = reason.rpartition(" ")
    return f"{start}{space}{titles.get(name, name)}"


def _agreement_figure(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


PREVIEW = 150

TITLES = {SCORING: "Scoring this map", RANDOMISATION: "Checking with random weights"}


def show_quality(rows: Sequence[ModelRow], asked: ExplainRequest, look: Look) -> None:
    """Show the panel for one map of the reader's choice."""
    st.subheader("What is a map worth?")
    show_all_scores(rows, asked)
    subject = _choose(rows, asked)
    if subject is None:
        st.caption("There is no map to score yet.")
        return
    scores, check = find_check(SCORING, subject), find_check(RANDOMISATION, subject)
    _show_subject(subject, look)
    _buttons(subject, asked, scores, check)
    for kind, work in ((SCORING, scores), (RANDOMISATION, check)):
        if work is not None:
            _show_work(kind, work, subject)
    show_agreement_of_maps(subject, rows)
    with st.expander("What these scores mean", icon=":material/menu_book:"):
        st.markdown(score_glossary())


def _choose(rows: Sequence[ModelRow], asked: ExplainRequest) -> MapOf | None:
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
    row, explanation, context = subject.row, subject.explanation, subject.row.context
    if context is None:
        return
    stamp = row.jobs[subject.method].stamp(explanation)
    masks = cell_masks(context)
    with st.container(horizontal=True, gap="small", vertical_alignment="top"):
        title = f"{METHODS[subject.method].title} of {row.title} for {subject.label}"
        st.image(
            shown_picture(stamp, explanation, subject.label, look), width=PREVIEW, alt=f"The map in question: {title}"
        )
        st.image(outlined(stamp, context), width=PREVIEW, alt="The cell's outline, and the nucleus's, on the picture")
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


def _buttons(subject: MapOf, asked: ExplainRequest, scores: Check | None, check: Check | None) -> None:
    classifier = subject.row.answer.entry.classifier
    fixed = "" if classifier is None else classifier.network.lacks.get("weights", "")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Score this map" if scores is None else "Score it again",
            key="score",
            icon=":material/rule:",
            disabled=scores is not None and scores.going_on,
            on_click=start_scoring,
            args=(subject, asked.private),
            help="Hides and uncovers the picture in the map's order and in three controls' orders, and asks the model.",
        )
        st.button(
            "Run the randomisation check",
            key="randomise",
            icon=":material/shuffle:",
            disabled=bool(fixed) or (check is not None and check.going_on),
            on_click=randomise,
            args=(subject, asked.private),
            help=f"It cannot be made: {fixed}."
            if fixed
            else "Draws the model's weights anew, from its last stage down, and looks whether the map changes. One "
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
    scoring = scoring_of(work)
    if scoring.rows:
        st.html(score_table(scoring))
    show_score_curves(scoring.curves, scoring.label)
