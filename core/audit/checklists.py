"""Which points of two reporting checklists an audit speaks to, and which it leaves to its author: CLAIM 2024 (Tejani et
al. 2024, Radiology: Artificial Intelligence 6, doi 10.1148/ryai.240300) and TRIPOD+AI (Collins et al. 2024, BMJ 385,
doi 10.1136/bmj-2023-078378). Points are named by topic; read the checklists themselves before handing anything in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.audit.findings import STEP_TITLES, AuditTable


@dataclass(frozen=True)
class ChecklistPoint:
    """A point by its topic, and the steps that say something about it ("" for what stands in every report).

    `left` says what an author has to add.
    """

    topic: str
    steps: tuple[str, ...] = ()
    left: str = ""


CLAIM: tuple[ChecklistPoint, ...] = (
    ChecklistPoint("AI is named, with the kind of method", ("use",), "the title and the abstract"),
    ChecklistPoint("Clinical background and intended use", ("use",), "the clinical role, and who uses it"),
    ChecklistPoint("Study design and goal", (), "prospective or not, and what the study is to show"),
    ChecklistPoint("Data sources", ("use", "data"), "where and when the cells were taken"),
    ChecklistPoint("Who was included and left out", (), "eligibility, dates, places"),
    ChecklistPoint("Preprocessing", ("use",), "what was done before the pictures came here"),
    ChecklistPoint("De-identification", (), "how it was done"),
    ChecklistPoint("Missing and unreadable data", ("data",), "data that never became a file"),
    ChecklistPoint("Reference standard and who labelled", ("data",), "annotators, their training, their agreement"),
    ChecklistPoint(
        "Partitions kept apart, and at which level", ("use", "performance"), "patients, where slides are not"
    ),
    ChecklistPoint("Sample size", ("performance",), "how it was planned"),
    ChecklistPoint("Model, software, training", ("use",), "what the model card leaves out"),
    ChecklistPoint("Metrics with their uncertainty", ("performance", "between", "calibration")),
    ChecklistPoint("Robustness and sensitivity analysis", ("shift", "shortcuts")),
    ChecklistPoint("Explainability, and how it was checked", ("looks", "explanations")),
    ChecklistPoint("Internal and external test data", ("performance",), "whether the set is of another laboratory"),
    ChecklistPoint("Demographic and clinical facts", ("subgroups",), "age, sex, diagnoses by partition"),
    ChecklistPoint("Performance and estimates by class", ("performance", "operating")),
    ChecklistPoint("Failure analysis", ("performance", "between", "unfamiliar"), "a look at the wrong answers"),
    ChecklistPoint("Limits", ("use", "shift", "unfamiliar"), "those of the study itself"),
    ChecklistPoint("Availability of model and code", ("",), "where others find both"),
    ChecklistPoint("Protocol, registration, funding", (), "all of it"),
)

TRIPOD: tuple[ChecklistPoint, ...] = (
    ChecklistPoint("Health context and target population", ("use",), "place in the pathway of care"),
    ChecklistPoint("Health inequalities and fairness", (), "groups of patients, and what is known of them"),
    ChecklistPoint("Objectives", (), "development, evaluation, or both"),
    ChecklistPoint("Data: source, dates, setting", ("use", "data"), "dates and places"),
    ChecklistPoint("Participants: eligibility, treatments", (), "all of it"),
    ChecklistPoint("Data preparation", ("use", "data")),
    ChecklistPoint("Outcome, and who judged it", ("data",), "who labelled, and blind to what"),
    ChecklistPoint("Predictors", ("use",), "the pictures, and how they were taken"),
    ChecklistPoint("Sample size", ("performance",), "how it was planned"),
    ChecklistPoint("Missing data", ("data",)),
    ChecklistPoint("Model type, building, internal validation", ("use",), "what the model card leaves out"),
    ChecklistPoint("Measures of discrimination, calibration and use", ("performance", "calibration", "operating")),
    ChecklistPoint("Differences between development and evaluation data", ("data", "shift", "unfamiliar")),
    ChecklistPoint("Class imbalance", ("data", "performance")),
    ChecklistPoint("Model output and thresholds", ("operating",)),
    ChecklistPoint("Performance in key subgroups", ("subgroups",), "subgroups of patients"),
    ChecklistPoint("Model updating", (), "whether it was fitted anew"),
    ChecklistPoint("Interpretation, limits, usability", ("use", "looks"), "what a user must know or enter"),
    ChecklistPoint("Ethics, funding, protocol, registration", (), "all of it"),
    ChecklistPoint("Data and code sharing", ("",), "where others find both"),
    ChecklistPoint("Patient and public involvement", (), "all of it"),
)
CHECKLISTS = {"CLAIM 2024": CLAIM, "TRIPOD+AI": TRIPOD}
EVERYWHERE = "fingerprints, versions and the command"


def checklist_table(name: str, run: Collection[str]) -> AuditTable:
    """What the steps that were `run` say to each point of the checklist, and what is left to the author."""
    rows = []
    for point in CHECKLISTS[name]:
        own = [EVERYWHERE if step == "" else STEP_TITLES[step] for step in point.steps if step in ("", *run)]
        missing = [STEP_TITLES[step] for step in point.steps if step and step not in run]
        left = "; ".join((*((f"not run: {', '.join(missing)}",) if missing else ()), *filter(None, (point.left,))))
        rows.append((point.topic, ", ".join(own) or "–", left or "–"))
    answered = sum(row[1] != "–" for row in rows)
    note = f"{answered} of {len(rows)} points are spoken to, by topic; none is answered by a report alone."
    return AuditTable(title=name, heads=("point", "where", "left to the author"), rows=tuple(rows), note=note)
