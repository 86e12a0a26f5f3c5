"""The part of the Explain page that is drawn again and again while maps sharpen: the maps, the pictures that a method
compares with, what the maps are worth, and the evidence bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.explanation.baselines import BACKGROUNDS, background, contact_sheet
from core.explanation.methods.registry import METHODS
from core.explanation.quality.similarity import similarity_matrices
from core.explanation.wording import plain
from core.settings import FieldSpec
from dashboard import state
from dashboard.answers import parameters_for
from dashboard.consensus import show_unfamiliar
from dashboard.explain import scoring, verification
from dashboard.explain.against import contrasts_of
from dashboard.explain.bundle import ShownEvidence
from dashboard.explain.controls import choose_mask, chosen_classes, chosen_layout
from dashboard.explain.figure import label_of_row, show_figure
from dashboard.explain.jobs import POLL, ExplainRequest, ModelRow, explain_rows, going_on
from dashboard.explain.maps import show_maps
from dashboard.explain.own_regions import choose_regions
from dashboard.explain.progress import show_summary
from dashboard.explain.quality import show_quality
from dashboard.explain.reference import show_verification
from dashboard.explain.rendering import Look, chosen_look
from dashboard.explain.scoring import RANDOMISATION, SCORING, finished, randomisation_of, scoring_of
from dashboard.explain.verification import finished_of
from dashboard.field import show_field
from dashboard.images import Subject
from dashboard.models import known_classes, title
from dashboard.truth import told


def show_backgrounds(rows: Sequence[ModelRow], method: str) -> None:
    """Offer a look at what each setting that names a background or a baseline stands for; nothing where none does."""
    shown = [row for row in rows if method in row.explanations and row.context is not None]
    for field in METHODS[method].settings.fields():
        if shown and field.kind == "choice" and set(field.choices) <= set(BACKGROUNDS):
            _sheet(shown, method, field)


def _sheet(rows: Sequence[ModelRow], method: str, field: FieldSpec) -> None:
    name = str(getattr(rows[0].explanations[method].settings, field.name))
    folded = st.expander(
        f"{field.title}: {plain(name)}",
        icon=":material/grid_view:",
        type="compact",
        key=f"sheet-{method}-{field.name}",
        on_change="rerun",
    )
    if not folded.open:
        return
    by_framing = {row.answer.framing: row for row in rows}
    with folded:
        for framing, row in by_framing.items():
            assert row.context is not None
            pictures = background(row.context, name, framing)
            sheet = contact_sheet(pictures)
            st.image(sheet, width=min(400, sheet.shape[1]), alt=f"{field.title}: {pictures.sentence}")
            st.caption(f"{pictures.sentence[:1].upper()}{pictures.sentence[1:]}. {field.help}")


def asked_for(subject: Subject, methods: tuple[str, ...]) -> ExplainRequest:
    """Return what the choices ask for, by those `methods`, with the reader's own mask and regions."""
    return replace(plainly_asked(subject, methods), mask=choose_mask(subject), regions=choose_regions(subject))


def plainly_asked(subject: Subject, methods: tuple[str, ...]) -> ExplainRequest:
    """Return what the choices ask for, without what is given on the Explain page alone."""
    chosen = (state.get(name) for name in ("set", "seed", "precision"))
    return ExplainRequest(subject, state.get("view"), state.get("cell"), methods, *chosen)


def show_whole_picture(subject: Subject) -> None:
    """Show, folded away, the whole picture where the subject is one cell of several."""
    if subject.field is not None:
        with st.expander(f"The whole picture: {len(subject.field.cells)} cells", icon=":material/grid_view:"):
            show_field(subject, subject.field)


def _head(subject: Subject) -> str:
    """The name of the picture at hand, and its true class where that is told."""
    truth = f", truly {subject.label}" if told(subject.key) and subject.label else ""
    return f"{subject.title}{truth}"


def show_work(names: Sequence[str], asked: ExplainRequest, worth: bool = True) -> None:
    """Show the maps of the models `names`, and what they are `worth`; each part goes on by itself while worked on.

    Maps that sharpen redraw themselves alone: scores and checks below are left in peace, and the other way round.
    """
    with st.spinner("Explaining: " + ", ".join(title(name) for name in names)):
        rows = explain_rows(names, asked)
    (_sharpening if going_on(rows) else _sharp)(names, asked)
    if worth and any(row.explanations for row in rows):
        (_judging if _judged_now() else _judged)(names, asked)


@st.fragment(run_every=POLL)
def _sharpening(names: Sequence[str], asked: ExplainRequest) -> None:
    if not _draw_maps(names, asked):
        st.rerun()


@st.fragment
def _sharp(names: Sequence[str], asked: ExplainRequest) -> None:
    if _draw_maps(names, asked):
        st.rerun()


@st.fragment(run_every=POLL)
def _judging(names: Sequence[str], asked: ExplainRequest) -> None:
    if not _draw_worth(names, asked):
        st.rerun()


@st.fragment
def _judged(names: Sequence[str], asked: ExplainRequest) -> None:
    if _draw_worth(names, asked):
        st.rerun()


def _draw_maps(names: Sequence[str], asked: ExplainRequest) -> bool:
    """Show the maps as they stand; tell whether they go on sharpening."""
    if asked.settings != state.get("set"):
        st.rerun()  # a button down here changed what the controls beside it show
    rows, look = explain_rows(names, asked), chosen_look()
    classes = chosen_classes(known_classes([row.answer.entry for row in rows]))
    show_unfamiliar([row.answer for row in rows])
    show_summary(rows, _head(asked.subject))
    if chosen_layout() == "figure":
        show_figure(rows, asked, look)
    for method in asked.methods:
        if chosen_layout() == "grid":
            show_maps(rows, method, classes, look)
        show_backgrounds(rows, method)
    state.write_address()
    return bool(going_on(rows))


def _draw_worth(names: Sequence[str], asked: ExplainRequest) -> bool:
    """Show scores and checks as they stand; tell whether any of them goes on."""
    rows, look = explain_rows(names, asked), chosen_look()
    show_quality(rows, asked, look)
    show_verification(rows, asked, look)
    _offer_bundle(rows, asked, look)
    state.write_address()
    return _judged_now()


def _judged_now() -> bool:
    """Whether scores or checks of this session are still to come."""
    return scoring.any_scoring() or verification.any_verifying()


def _offer_bundle(rows: list[ModelRow], asked: ExplainRequest, look: Look) -> None:
    subject = asked.subject
    parameters = parameters_for(subject, asked.parameters)
    ranked, checked, compared = finished(SCORING, rows), finished(RANDOMISATION, rows), finished_of(rows)

    figured = chosen_layout() == "figure"
    contrasts = {row.name: contrasts_of(row, label_of_row(row)) for row in rows} if figured else {}

    def evidence() -> ShownEvidence:  # runs when it is asked for, outside the session
        scorings = [scoring_of(check) for check in ranked]
        checks = [randomisation_of(check) for check in checked]
        maps = [item for row in rows for item in row.explanations.values()]
        alike = similarity_matrices(maps, [row.answer.prediction.predicted for row in rows if row.answer.prediction])
        return ShownEvidence(
            rows, subject, parameters, look, scorings, checks, asked.mask, alike, compared, asked.regions, contrasts
        )

    methods = ", ".join(METHODS[name].title for name in asked.methods)
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download everything as a zip",
            lambda: evidence().zip(),
            "leukolens-explanations.zip",
            "application/zip",
            key="bundle",
            icon=":material/folder_zip:",
            help=f"Pictures and raw values of all models ({methods}), the scores and comparisons found so far, and a "
            "manifest with hashes, settings and versions.",
            on_click="ignore",
        )
        st.download_button(
            "One page (HTML)",
            lambda: evidence().page(),
            "leukolens-explanation.html",
            "text/html",
            key="static-page",
            icon=":material/article:",
            help="The same as one file to send or print, without the raw values: it opens offline and holds its "
            "pictures.",
            on_click="ignore",
        )
