"""Cards for other registries: the heads that were published, the audit's figures under them, and nothing made up."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from core.audit.cards import CHAI, FACTS_LABEL, NOT_STATED, AuditedCard, chai_card, model_facts, other_cards
from core.audit.exports import evidence_of, report_files
from core.audit.findings import Finding, StepResult
from core.audit.run import AuditedModelFacts, AuditReport
from core.audit.signature import verify_evidence
from core.models.card import ModelCard, read_card
from tests.support.tiny_models import make_model

# The elements that schema v0.2 of the Coalition asks for, by hand.
ELEMENTS = {
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability",
    "ModelSummary": "Summary Keywords",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation "
    "CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    "Resources": "PeerReviewedPublications PatientConsentOrDisclosure",
}
METRIC = "MetricGoal Results Interpretation TestType TestingDataDescription ValidationProcessAndJustification"
SYSTEM = "OutcomesAndOutputs ModelType InputDataSource OutputAndInputDataTypes DevelopmentDataCharacterization "
SYSTEM += "BiasMitigationApproaches OngoingMaintenance"
HEADS = ["Summary", "Mechanism", "Validation and performance", "Uses and directions", "Warnings", "Other information"]


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    make_model(tmp_path, "toy", card={"limits": ("Not for <em>blood</em>",), "sources": ("A source",)})
    return read_card(tmp_path / "toy" / "card.json")


def found(key: str, step: str = "performance", **facts: object) -> Finding:
    usual = {"step": step, "key": key, "title": f"Title {key}", "status": "information", "sentence": f"Said of {key}",
             "model": "toy"}  # fmt: skip
    return Finding.model_validate(usual | facts)


@pytest.fixture
def known(card: ModelCard) -> AuditedCard:
    facts = AuditedModelFacts(name="toy", title="A toy", weights_sha256=card.weights_sha256, images=200)
    results = (
        StepResult(step="performance", findings=(
            found("accuracy", figure=0.9, low=0.85, high=0.94, of=200, title="Accuracy"),
            found("accuracy", model="other", figure=0.1, title="Accuracy", sentence="Of another model"),
        )),
        StepResult(step="calibration", findings=(found("confidence", "calibration", figure=0.04, status="failed"),)),
        StepResult(step="shortcuts", findings=(found("frame", "shortcuts", model="", status="failed"),)),
    )  # fmt: skip
    report = AuditReport(software="leukolens 0", data="A set", data_sha256="f" * 64, models=(facts,), results=results)
    return AuditedCard(report, facts, card)


def texts(document: Any) -> list[str]:
    if isinstance(document, dict):
        return [text for value in document.values() for text in texts(value)]
    return [text for value in document for text in texts(value)] if isinstance(document, list) else [str(document)]


def test_the_applied_model_card_has_every_element_of_the_schema(known: AuditedCard) -> None:
    own = chai_card(known)["AppliedModelCard"]
    assert list(own) == [*ELEMENTS, "Bibliography"]
    for head, names in ELEMENTS.items():
        assert set(names.split()) <= set(own[head]), head
    assert set(SYSTEM.split()) <= set(own["TrustIngredients"]["AISystemFacts"])
    assert {"FundingSource", "StakeholdersConsulted"} <= set(own["TrustIngredients"]["TransparencyInformation"])
    for metric in own["KeyMetrics"].values():
        assert list(metric) == METRIC.split() and metric["Results"]
        assert all(set(one) == {"Label", "ValueJson"} for one in metric["Results"])
    assert all(text for head, value in own.items() if head != "Bibliography" for text in texts(value))


def test_figures_are_the_audits_with_their_intervals(known: AuditedCard) -> None:
    metrics = chai_card(known)["AppliedModelCard"]["KeyMetrics"]
    (accuracy,) = metrics["UsefulnessUsabilityEfficacy"]["Results"]
    assert accuracy["Label"] == "Accuracy (200 images)"
    assert json.loads(accuracy["ValueJson"]) == {
        "kind": "estimate_ci", "estimate": 0.9, "lower": 0.85, "upper": 0.94, "level": 95
    }  # fmt: skip
    (error,) = metrics["SafetyReliability"]["Results"]
    assert json.loads(error["ValueJson"]) == {"kind": "single", "value": 0.04}
    assert "A set. 200 images answered." in metrics["UsefulnessUsabilityEfficacy"]["TestingDataDescription"]
    assert metrics["FairnessEquity"]["Results"] == [{"Label": "Not measured", "ValueJson": "null"}]
    assert "Of another model" not in json.dumps(chai_card(known))


def test_warnings_are_the_cards_limits_and_what_failed(known: AuditedCard) -> None:
    warnings = chai_card(known)["AppliedModelCard"]["Warnings"]
    told = (
        "Not for <em>blood</em>. Failed in the audit: Title confidence. Said of confidence. Title frame. Said of frame."
    )
    assert warnings["KnownRisksAndLimitations"] == told
    assert warnings["KnownBiasesOrEthicalConsiderations"] == "Title frame. Said of frame."


def test_what_nobody_said_is_not_stated(known: AuditedCard) -> None:
    """Without the model's card nothing is known of its making; who made it or paid for it is never known."""
    bare = chai_card(AuditedCard(known.report, known.facts, None))["AppliedModelCard"]
    facts = bare["TrustIngredients"]["AISystemFacts"]
    assert {facts[name] for name in ("OutcomesAndOutputs", "ModelType", "InputDataSource")} == {NOT_STATED}
    assert facts["DevelopmentDataCharacterization"] == NOT_STATED and bare["ModelSummary"]["Keywords"] == []
    full = chai_card(known)["AppliedModelCard"]
    assert full["BasicInfo"]["ModelDeveloper"] == full["TrustIngredients"]["TransparencyInformation"]["FundingSource"]
    assert full["BasicInfo"]["ModelDeveloper"] == full["ReleaseInfo"]["RegulatoryApproval"] == NOT_STATED


def test_the_label_has_the_published_heads_and_takes_names_as_text(known: AuditedCard) -> None:
    page = model_facts(known)
    assert re.findall(r"<h2>(.*?)</h2>", page) == HEADS
    assert "0.900 (95 % interval 0.850 to 0.940)" in page and "Nothing was certified" in page
    assert "<em>" not in page and "&lt;em&gt;blood" in page
    assert not re.search(r"src=|href=|url\(|@import|<script", page)
    assert "Not stated: benefits, target population and use case" in page


def test_a_card_of_other_weights_is_not_taken(known: AuditedCard, card: ModelCard) -> None:
    other = card.model_copy(update={"weights_sha256": "0" * 64})
    without = other_cards(known.report, {})
    assert other_cards(known.report, {"toy": other}) == without != other_cards(known.report, {"toy": card})
    assert set(without) == {f"exports/toy/{CHAI}", f"exports/toy/{FACTS_LABEL}"}


def test_a_hostile_name_stays_in_the_folder(known: AuditedCard) -> None:
    names = ("../../up", "/etc/passwd", "..", "A/B", "a/b", "")
    models = tuple(known.facts.model_copy(update={"name": name}) for name in names)
    files = other_cards(known.report.model_copy(update={"models": models}), {})
    assert len(files) == 2 * len(names)
    for path in map(PurePosixPath, files):
        assert len(path.parts) == 3 and path.parts[0] == "exports" and ".." not in path.parts


def test_evidence_of_twenty_models_holds(known: AuditedCard, tmp_path: Path) -> None:
    models = tuple(known.facts.model_copy(update={"name": f"toy-{number}"}) for number in range(40))
    files = report_files(known.report.model_copy(update={"models": models}), {})
    (tmp_path / "evidence.zip").write_bytes(evidence_of(files))
    assert set(verify_evidence(tmp_path / "evidence.zip").files) == set(files)
    assert {"report.html", "report.pdf", "report.json"} < set(files)
