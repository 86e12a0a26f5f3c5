"""What can be taken away from the Audit page: the report as a page, PDF and JSON, a zip to sign, and cards for other
registries. Each file is made when its button is pressed."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from core.audit.exports import cards_zip, evidence_of, report_files, report_json
from core.audit.pdf import pdf_report
from core.audit.report import html_report
from core.audit.run import AuditReport
from core.errors import InputError
from core.models.card import ModelCard, read_card
from core.models.checkpoints import available
from dashboard.models import root


def offer_downloads(report: AuditReport) -> None:
    """A button for each form of the report, with the decisions and remarks that it has."""
    with st.container(horizontal=True, gap="small", key="audit-report"):
        st.download_button(
            "Download the report",
            lambda: html_report(report).encode(),
            "leukolens-audit.html",
            "text/html",
            icon=":material/description:",
            type="primary",
            on_click="ignore",
            help="One page that opens offline, with your decisions and remarks.",
        )
        st.download_button(
            "Download as PDF",
            lambda: pdf_report(report),
            "leukolens-audit.pdf",
            "application/pdf",
            icon=":material/picture_as_pdf:",
            on_click="ignore",
            help="The same on A4, with lines for name, date and signature. It takes some seconds.",
        )
        st.download_button(
            "Download as JSON",
            lambda: report_json(report),
            "leukolens-audit.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
        st.download_button(
            "Download to sign",
            lambda: evidence_of(report_files(report, _cards(report))),
            "evidence.zip",
            "application/zip",
            icon=":material/verified:",
            on_click="ignore",
            help="All of these with a manifest. Then: python -m core audit sign evidence.zip --key FILE --name NAME",
        )
        st.download_button(
            "Cards for other registries",
            lambda: cards_zip(report, _cards(report)),
            "leukolens-cards.zip",
            "application/zip",
            icon=":material/badge:",
            on_click="ignore",
            help="Of each model: the Coalition for Health AI's Applied Model Card as JSON, and a Model Facts label. "
            "What is not known is “Not stated”.",
        )
    st.caption(
        "Decisions and remarks are kept on the server as you make them. Those to an audit of own images stay a year, "
        "for all who may open it; others can be reached until this browser is closed: take the report with you."
    )


def _cards(report: AuditReport) -> dict[str, ModelCard]:
    """The cards of the report's models that are here."""
    found = {}
    for name in {model.name for model in report.models} & set(available(root())):
        with suppress(InputError):
            found[name] = read_card(root() / name / "card.json")
    return found
