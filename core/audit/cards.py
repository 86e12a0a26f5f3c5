"""Cards that other registries ask for, filled from an audit and a model's own card: the Applied Model Card of the
Coalition for Health AI (element names of its schema, version 0.2), and the Model Facts label (Sendak et al. 2020, npj
Digital Medicine 3, doi 10.1038/s41746-020-0253-3). What neither the audit nor the card says is "Not stated"."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from core.audit.findings import Finding
from core.audit.report import STANDINGS
from core.audit.run import AuditedModelFacts, AuditReport
from core.audit.sheet import cut_short
from core.explanation.evidence import safe_names
from core.models.card import ModelCard

SCHEMA = "https://mc.chai.org/v0.2/schema.xsd"
CHAI, FACTS_LABEL = "model-card-chai.json", "model-facts.html"
FOLDER = "exports"
NOT_STATED = "Not stated"
NOTE = "Filled by software from an audit and the model's card. Nobody at the Coalition has checked or certified it."
LABEL_NOTE = (
    "Filled by software from an audit and the model's card, under the heads of the published label. Nothing was "
)
LABEL_NOTE += "certified."
LONGEST = 600  # letters of a row of the label, which is one page; the report has the rest
SAFETY = ("calibration", "operating", "shift", "looks", "unfamiliar", "explanations")
LABELS = {
    "performance/weakest": "Recall of the weakest class",
    "performance/suspects": "Share surely named otherwise than labelled",
    "calibration/confidence": "Expected calibration error",
    "operating/abstention": "Share of images that get an answer",
    "unfamiliar/share": "Share called unfamiliar",
}
STYLE = """
@page { size: A4; margin: 11mm; } body { font: 8.2pt/1.25 system-ui, sans-serif; color: #1d1b22; max-width: 188mm;
margin: 0 auto; } h1 { font-size: 14pt; margin: 0; } h2 { font-size: 10pt; margin: 2mm 0 .5mm; border-top: 2pt solid;
padding-top: .7mm; } p { margin: 0 0 1mm; } table { border-collapse: collapse; width: 100%; } th, td { text-align: left;
vertical-align: top; padding: .35mm 2mm .35mm 0; border-top: .5pt solid #b9b5c2; } th { width: 42mm; font-weight: 600; }
.quiet { color: #55515e; } td { overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class AuditedCard:
    """What is known of one model: its `facts` and `findings` in the report, its `card` where it is at hand."""

    report: AuditReport
    facts: AuditedModelFacts
    card: ModelCard | None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found of this model."""
        return tuple(one for one in self.report.findings if one.model == self.facts.name)

    @property
    def limits(self) -> str:
        """What the card warns of."""
        return " ".join(_sentence(line) for line in self.card.limits) if self.card and self.card.limits else NOT_STATED

    @property
    def failed(self) -> str:
        """The checks of this model and of the data that failed."""
        told = [
            _told(one) for one in self.report.findings if one.status == "failed" and one.model in ("", self.facts.name)
        ]
        return f"Failed in the audit: {' '.join(told)}" if told else "No check of the audit failed."

    def figures(self, steps: Sequence[str]) -> list[Finding]:
        """The findings of these steps that have a figure."""
        return [one for one in self.findings if one.step in steps and one.figure is not None]


def other_cards(report: AuditReport, cards: Mapping[str, ModelCard]) -> dict[str, bytes]:
    """Both cards of each model of the report, by file name: exports/MODEL/FILE.

    A card of `cards` counts where it is of the weights that were audited.
    """
    folders, files = safe_names(model.name for model in report.models), {}
    for facts in report.models:
        own = cards.get(facts.name)
        known = AuditedCard(report, facts, own if own and own.weights_sha256 == facts.weights_sha256 else None)
        place = f"{FOLDER}/{folders[facts.name]}"
        files[f"{place}/{CHAI}"] = json.dumps(chai_card(known), indent=2, ensure_ascii=False).encode()
        files[f"{place}/{FACTS_LABEL}"] = model_facts(known).encode()
    return files


def chai_card(known: AuditedCard) -> dict[str, Any]:
    """The Applied Model Card of one model; keys are the schema's element names, in its order."""
    document = {
        "BasicInfo": {
            "ModelName": f"{known.facts.title} ({known.facts.name})",
            "ModelDeveloper": NOT_STATED,
            "DeveloperContact": NOT_STATED,
        },
        "ReleaseInfo": {
            "ReleaseStage": NOT_STATED,
            "ReleaseDate": NOT_STATED,
            "ReleaseVersion": f"weights with SHA-256 {known.facts.weights_sha256}",
            "GlobalAvailability": NOT_STATED,
            "RegulatoryApproval": NOT_STATED,
        },
        "ModelSummary": {"Summary": _summary(known), "Keywords": list(known.card.classes) if known.card else []},
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": NOT_STATED,
            "PrimaryIntendedUsers": NOT_STATED,
            "HowToUse": _how(known),
            "TargetedPatientPopulation": NOT_STATED,
            "CautionedOutOfScopeSettings": known.limits,
        },
        "Warnings": {
            "KnownRisksAndLimitations": f"{known.limits} {known.failed}",
            "KnownBiasesOrEthicalConsiderations": _biases(known),
            "ClinicalRiskLevel": NOT_STATED,
        },
        "TrustIngredients": _trust(known),
        "KeyMetrics": {
            "UsefulnessUsabilityEfficacy": _metric(known, ("performance",)),
            "FairnessEquity": _metric(known, ("subgroups",)),
            "SafetyReliability": _metric(known, SAFETY),
        },
        "Resources": {
            "EvaluationReferences": f"The audit's own report (report.html, report.pdf, report.json). {_made(known)}",
            "ClinicalTrial": NOT_STATED,
            "PeerReviewedPublications": NOT_STATED,
            "ReimbursementStatus": NOT_STATED,
            "PatientConsentOrDisclosure": NOT_STATED,
        },
        "Bibliography": "",
    }
    return {"schema": SCHEMA, "note": NOTE, "AppliedModelCard": document}


def _trust(known: AuditedCard) -> dict[str, Any]:
    training = known.card.training if known.card else None
    sources = "; ".join(known.card.sources) if known.card and known.card.sources else ""
    return {
        "AISystemFacts": {
            "OutcomesAndOutputs": _outputs(known),
            "ModelType": known.card.architecture if known.card else NOT_STATED,
            "FoundationModels": training.initial_weights if training else NOT_STATED,
            "InputDataSource": _sentence(training.data) + (f" Sources: {sources}." if sources else "") if training
            else NOT_STATED,
            "OutputAndInputDataTypes": f"Pictures in. {_outputs(known)}",
            "DevelopmentDataCharacterization": _development(known),
            "BiasMitigationApproaches": NOT_STATED,
            "OngoingMaintenance": NOT_STATED,
            "Security": NOT_STATED,
            "Transparency": _made(known),
        },
        "TransparencyInformation": {
            "FundingSource": NOT_STATED,
            "ThirdPartyInformation": NOT_STATED,
            "StakeholdersConsulted": NOT_STATED,
        },
    }  # fmt: skip


def _metric(known: AuditedCard, steps: Sequence[str]) -> dict[str, Any]:
    """One of the card's three groups of metrics: figures of the audit's `steps`, with intervals where there are any."""
    found = known.figures(steps)
    goals = [one for one in known.findings if one.condition and one.step in (*steps, "conditions")]
    results = [{"Label": _label(one), "ValueJson": json.dumps(_value(one))} for one in found]
    return {
        "MetricGoal": " ".join(f"{_sentence(one.condition)} ({one.status})" for one in goals) or NOT_STATED,
        "Results": results or [{"Label": "Not measured", "ValueJson": "null"}],
        "Interpretation": " ".join(_told(one) for one in found) or NOT_STATED,
        "TestType": "On pictures with labels that were at hand; not in use." if found else NOT_STATED,
        "TestingDataDescription": _tested(known) if found else NOT_STATED,
        "ValidationProcessAndJustification": _made(known) if found else NOT_STATED,
    }


def _value(finding: Finding) -> dict[str, Any]:
    """A figure as the Coalition's examples write it, shares from 0 to 1."""
    if finding.low is None or finding.high is None:
        return {"kind": "single", "value": finding.figure}
    ends = {"lower": finding.low, "upper": finding.high, "level": 95}
    return {"kind": "estimate_ci", "estimate": finding.figure, **ends}


def _label(finding: Finding) -> str:
    name = LABELS.get(f"{finding.step}/{finding.key}", finding.title)
    return f"{name} ({finding.of:,} images)" if finding.of else name


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _told(finding: Finding) -> str:
    return f"{_sentence(finding.title)} {_sentence(finding.sentence)}"


def _summary(known: AuditedCard) -> str:
    if known.card is None:
        return f"{NOT_STATED}: the model's card was not at hand, or is of other weights."
    card = known.card
    kind = f"{card.architecture}, {card.parameters:,} parameters"
    return f"A classifier of pictures of single cells ({kind}). {_outputs(known)}"


def _outputs(known: AuditedCard) -> str:
    if known.card is None:
        return NOT_STATED
    return f"A probability for each of {len(known.card.classes)} classes: {', '.join(known.card.classes)}."


def _how(known: AuditedCard) -> str:
    if known.card is None:
        return NOT_STATED
    size = known.card.input_size
    return f"A picture framed as “{known.card.framing}”, brought to {size} × {size} px. The class with the highest " + (
        "probability is the answer."
    )


def _development(known: AuditedCard) -> str:
    training = known.card.training if known.card else None
    if training is None:
        return NOT_STATED
    told = f"{training.images:,} images, {training.simulated_images:,} of them simulated; divided by: "
    told += f"{training.split or 'not stated'}. Copies across the division: "
    told += {None: "not looked for.", "": "none found."}.get(training.leak, _sentence(training.leak or ""))
    return f"{told} Patients (age, sex, diagnoses): not stated. Fingerprint of the data: {training.data_fingerprint}."


def _biases(known: AuditedCard) -> str:
    """What subgroups and shortcuts showed; whether anything else was considered is not known."""
    steps = ("subgroups", "shortcuts")
    found = [one for one in known.report.findings if one.step in steps and one.model in ("", known.facts.name)]
    told = " ".join(_told(one) for one in found if one.status == "failed")
    looked = any(one.status != "not run" for one in found)
    return told or ("The audit's subgroups and shortcuts showed none." if looked else NOT_STATED)


def _tested(known: AuditedCard) -> str:
    report = known.report
    about = " ".join(_told(one) for one in report.findings if one.step == "data" and one.status != "not run")
    notes = " ".join(map(_sentence, report.notes))
    told = f"{_sentence(report.data)} {known.facts.images:,} images answered. {about} {notes}"
    return f"{' '.join(told.split())} Fingerprint: {report.data_sha256}. Patients: not stated."


def _made(known: AuditedCard) -> str:
    report = known.report
    command = f" Made again by: {report.command}" if report.command else ""
    return f"Made by {report.software}. Status: {report.standing}. {STANDINGS[report.standing]}{command}"


def model_facts(known: AuditedCard) -> str:
    """The Model Facts label of one model as an HTML document that prints on one A4 page."""
    parts = (
        ("Summary", [("What it is", _summary(known))]),
        ("Mechanism", _mechanism(known)),
        ("Validation and performance", _performance(known)),
        ("Uses and directions", [
            ("Benefits", NOT_STATED), ("Target population and use case", NOT_STATED), ("General use", _how(known)),
            ("Appropriate decision support", NOT_STATED),
            ("Before using this model", "Test it on pictures of the place where it is to be used."),
            ("Safety and efficacy evaluation", NOT_STATED),
        ]),
        ("Warnings", [
            ("Risks", known.failed), ("Inappropriate settings", known.limits), ("Clinical rationale", NOT_STATED),
            ("Inappropriate decision support", NOT_STATED), ("Generalisability", _generalises(known)),
            ("Discontinue use if", NOT_STATED),
        ]),
        ("Other information", [
            ("Outcome definition", NOT_STATED), ("Model development", _development(known)),
            ("Clinical trial", NOT_STATED), ("Clinical impact evaluation", NOT_STATED),
            ("For inquiries", NOT_STATED), ("Evaluation", _made(known)),
        ]),
    )  # fmt: skip
    title = escape(f"{known.facts.title} ({known.facts.name})")
    body = "".join(f"<h2>{head}</h2>{_rows(rows)}" for head, rows in parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Model Facts: {title}</title>'
        f"<style>{STYLE}</style></head><body><h1>Model Facts</h1><p><strong>{title}</strong>, weights with SHA-256 "
        f"{escape(known.facts.weights_sha256[:16])}…. Approval: not stated.</p>{body}"
        f'<p class="quiet">{LABEL_NOTE}</p></body></html>'
    )


def _mechanism(known: AuditedCard) -> list[tuple[str, str]]:
    training = known.card.training if known.card else None
    return [
        ("Outcome and output", _outputs(known)),
        ("Target population", NOT_STATED),
        ("Time of prediction", "When a picture is given."),
        ("Input", "A picture of one cell."),
        ("Training data, place and time", f"{_sentence(training.data)} Dates: not stated." if training else NOT_STATED),
        ("Model type", known.card.architecture if known.card else NOT_STATED),
    ]


def _performance(known: AuditedCard) -> list[tuple[str, str]]:
    """Figures with their intervals, and what they were measured on."""
    rows = [("Measured on", f"{known.report.data}; {known.facts.images:,} images.")]
    for one in known.figures(("performance", "calibration", "operating", "unfamiliar")):
        ends = (
            f" (95 % interval {one.low:.3f} to {one.high:.3f})" if one.low is not None and one.high is not None else ""
        )
        rows.append((_label(one), f"{one.figure:.3f}{ends}"))
    return rows


def _generalises(known: AuditedCard) -> str:
    told = " ".join(
        _told(one) for one in known.findings if one.step in ("shift", "subgroups") and one.status != "not run"
    )
    return told or NOT_STATED


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """The rows that say something; the heads of the others in one line."""
    said = "".join(
        f'<tr><th scope="row">{escape(head)}</th><td>{escape(cut_short(told, LONGEST))}</td></tr>'
        for head, told in rows
        if told != NOT_STATED
    )
    open_ones = ", ".join(head.lower() for head, told in rows if told == NOT_STATED)
    left = f'<p class="quiet">{NOT_STATED}: {escape(open_ones)}.</p>' if open_ones else ""
    return (f"<table><tbody>{said}</tbody></table>" if said else "") + left
