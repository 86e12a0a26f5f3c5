"""The part of the Explain page that is drawn again and again while maps sharpen: the maps and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.explanation.methods import METHODS
from core.explanation.worth.agreement import agreements
from dashboard import state
from dashboard.agreement_line import show_unfamiliar
from dashboard.backgrounds_sheet import show_backgrounds
from dashboard.bundle import zip_of
from dashboard.cache import parameters_for
from dashboard.explained import Asked, Row, explain_rows, going_on
from dashboard.look import Look, chosen_look
from dashboard.map_controls import chosen_classes
from dashboard.maps import show_maps
from dashboard.masks import choose_mask
from dashboard.progress import show_summary
from dashboard.scored import RANDOMISATION, SCORES, finished, randomisation_of, worth_of
from dashboard.service import POLL
from dashboard.slots import known_classes, title
from dashboard.subject import Subject
from dashboard.worth_panel import show_worth


def asked_for(subject: Subject) -> Asked:
    """Return what the choices ask for."""
    return Asked(
        subject,
        state.get("view"),
        state.get("cell"),
        state.get("methods"),
        state.get("set"),
        state.get("seed"),
        state.get("precision"),
        choose_mask(subject),
    )


def show_work(names: Sequence[str], asked: Asked) -> None:
    """Show the maps of the models `names`, again and again for as long as there is work on them."""
    with st.spinner("Explaining: " + ", ".join(title(name) for name in names)):
        rows = explain_rows(names, asked)
    (_watched if going_on(rows) else _still)(names, asked)


@st.fragment(run_every=POLL)
def _watched(names: Sequence[str], asked: Asked) -> None:
    if not _draw(names, asked):
        st.rerun()


@st.fragment
def _still(names: Sequence[str], asked: Asked) -> None:
    if _draw(names, asked):
        st.rerun()


def _draw(names: Sequence[str], asked: Asked) -> bool:
    """Show everything as it stands; tell whether there is more to come."""
    if asked.settings != state.get("set"):
        st.rerun()  # a button down here changed what the controls above show
    rows, look = explain_rows(names, asked), chosen_look()
    classes = chosen_classes(known_classes([row.answer.slot for row in rows]))
    show_unfamiliar([row.answer for row in rows])
    show_summary(rows)
    for method in asked.methods:
        show_maps(rows, method, classes, look)
        show_backgrounds(rows, method)
    scoring = False
    if any(row.explanations for row in rows):
        scoring = show_worth(rows, asked, look)
        _offer_bundle(rows, asked, look)
    state.write_address()
    return scoring or bool(going_on(rows))


def _offer_bundle(rows: list[Row], asked: Asked, look: Look) -> None:
    subject = asked.subject
    parameters = parameters_for(subject, asked.parameters)
    scored, checked = finished(SCORES, rows), finished(RANDOMISATION, rows)

    def bundle() -> bytes:  # runs when it is asked for, outside the session
        worths = [worth_of(check) for check in scored]
        checks = [randomisation_of(check) for check in checked]
        maps = [item for row in rows for item in row.explanations.values()]
        alike = agreements(maps, [row.answer.prediction.predicted for row in rows if row.answer.prediction])
        return zip_of(rows, subject, parameters, look, worths, checks, asked.mask, alike)

    methods = ", ".join(METHODS[name].title for name in asked.methods)
    st.download_button(
        "Download everything as a zip",
        bundle,
        "leukolens-explanations.zip",
        "application/zip",
        key="bundle",
        icon=":material/folder_zip:",
        help=f"Pictures and raw values of all models ({methods}), the scores found so far, and a manifest with hashes, "
        "settings and versions.",
        on_click="ignore",
    )
