"""An audit from its order to its report. Answers are kept in parts as they are given, so that an audit that was killed
goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

import core
from core.audit.findings import STEPS, Condition, Finding, Remark, StepResult, Strict, checked_conditions
from core.audit.probes import calibration_step, shortcut_step, unfamiliar_step
from core.audit.steps import between_step, data_step, performance_step, use_step
from core.audit.subject import AuditedModel, AuditedSet, picture_facts, read_audit_groups
from core.classes import known_as
from core.data.datasets import Dataset, read_data
from core.decoding import find_images
from core.errors import InputError
from core.evaluation.predict_set import ask_all
from core.evaluation.predictions import PREDICTIONS, answers_of, foreign_note, read_answers
from core.files import write_whole
from core.models.card import ModelCard, read_card
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier

PART = 256  # images whose answers are kept at once
EVERY = "every"  # stands for all images of a set, whatever their split
OTHER = "other"

Tell = Callable[[str], None]
Step = Callable[[Sequence[AuditedModel], AuditedSet], StepResult]
STEP_FUNCTIONS: dict[str, Step] = {
    "use": use_step,
    "data": data_step,
    "performance": performance_step,
    "between": between_step,
    "calibration": calibration_step,
    "shortcuts": shortcut_step,
    "unfamiliar": unfamiliar_step,
}


@dataclass(frozen=True)
class AuditOrder:
    """What is audited: model folders, labelled images (None: the answers kept beside each model), pictures of `others`
    that are no cell of ours, a table of slides, the steps, and the conditions.
    """

    models: tuple[Path, ...]
    out: Path
    place: Path | None = None
    dataset: str = "auto"
    split: str | None = None
    others: Path | None = None
    groups: Path | None = None
    group_column: str = "group"
    steps: tuple[str, ...] = STEPS
    conditions: tuple[Condition, ...] = ()
    device: str = "cpu"


class AuditedModelFacts(Strict):
    """Which model was audited: its name, the SHA-256 of its weights, and on how many images it answered."""

    name: str
    title: str
    weights_sha256: str
    images: int


class AuditReport(Strict):
    """Everything that an audit found."""

    format: int = 1
    software: str
    data: str
    data_sha256: str
    models: tuple[AuditedModelFacts, ...]
    results: tuple[StepResult, ...]
    conditions: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    command: str = ""
    remarks: tuple[Remark, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the conditions' first."""
        return (*self.conditions, *(finding for result in self.results for finding in result.findings))

    @property
    def failed(self) -> bool:
        """Whether a condition of the pipeline fails."""
        return any(finding.status == "failed" for finding in self.conditions)


def run_audit(order: AuditOrder, tell: Tell, command: str = "") -> AuditReport:
    """Answer, look and judge; InputError where nothing can be audited. The report is not yet written."""
    if not order.models:
        raise InputError("No model to audit: name one with --model.")
    models, data, digest = _kept_answers(order) if order.place is None else _fresh_answers(order, tell)
    results = []
    for name in order.steps:
        tell(f"Step {name}")
        results.append(STEP_FUNCTIONS[name](models, data))
    facts = [
        AuditedModelFacts(name=model.name, title=model.card.title, weights_sha256=model.card.weights_sha256,
                          images=len(model.answers.labels))
        for model in models
    ]  # fmt: skip
    return AuditReport(
        software=f"leukolens {core.__version__}",
        data=data.title,
        data_sha256=digest,
        models=tuple(facts),
        results=tuple(results),
        conditions=tuple(checked_conditions(order.conditions, results)),
        notes=data.notes,
        command=command,
    )


def _kept_answers(order: AuditOrder) -> tuple[list[AuditedModel], AuditedSet, str]:
    """The answers that lie beside each model, given when it was made."""
    models, digest, titles = [], hashlib.sha256(), []
    for folder in order.models:
        card = read_card(folder / "card.json")
        answers = read_answers(folder / PREDICTIONS, card.classes)
        models.append(AuditedModel(folder.resolve().name, card, answers, _kept_novelty(folder / PREDICTIONS)))
        digest.update((folder / PREDICTIONS).read_bytes())
        titles.append(card.test.data if card.test else folder.name)
    title = "; ".join(dict.fromkeys(titles))
    notes = ("Audited by the answers that were kept when each model was made: the pictures are not at hand.",)
    return models, AuditedSet(title, notes=notes), digest.hexdigest()


def _kept_novelty(path: Path) -> NDArray[np.float64]:
    if "novelty" not in pq.read_schema(path).names:
        return np.zeros(0)
    found = pq.read_table(path, columns=["novelty"]).column(0).to_pandas()
    values = pd.to_numeric(found, errors="coerce").to_numpy(dtype=np.float64)
    return values if np.isfinite(values).all() else np.zeros(0)


def _fresh_answers(order: AuditOrder, tell: Tell) -> tuple[list[AuditedModel], AuditedSet, str]:
    assert order.place is not None
    data = read_data(order.place, order.dataset)
    table, title = _part(data, order.split)
    others = _others(order.others)
    digest = _digest(table)
    groups = read_audit_groups(order.groups, order.group_column) if order.groups else {}
    facts = picture_facts(list(table["path"]), list(table["box"]), groups)
    models: list[AuditedModel] = []
    unreadable: dict[str, str] = {}
    pictures: pd.DataFrame | None = None
    for folder in order.models:
        model, asked, failed = _asked(folder, table, others, digest, order, tell)
        models.append(model)
        unreadable |= failed
        own = asked.merge(facts, on="row", how="inner")[["image", "sha256", "label", *facts.columns.drop("row")]]
        pictures = own if pictures is None or len(own) > len(pictures) else pictures
    if groups and (facts.empty or (facts["group"] == "").all()):
        raise InputError(f"{order.groups} names none of the images: it needs their path or file name.")
    return models, AuditedSet(title, pictures, tuple(unreadable.items()), data.notes), digest


def _part(data: Dataset, split: str | None) -> tuple[pd.DataFrame, str]:
    name = split or data.first_split()
    table = (data.table if name == EVERY else data.split(name)).reset_index(drop=True)
    return table.assign(row=range(len(table))), f"{data.title}: {name}"


def _others(place: Path | None) -> pd.DataFrame:
    paths = find_images([place]) if place is not None else []
    return pd.DataFrame({"path": [str(path) for path in paths], "label": OTHER, "box": "", "row": range(len(paths))})


def _digest(table: pd.DataFrame) -> str:
    """Of names, labels, boxes, sizes and times of the files: what the kept answers were given to."""
    digest = hashlib.sha256()
    for path, label, box in zip(table["path"], table["label"], table["box"], strict=True):
        try:
            facts = Path(path).stat()
            seen = f"{facts.st_size}\0{facts.st_mtime_ns}"
        except (OSError, ValueError):
            seen = "unreadable"
        digest.update(f"{path}\0{label}\0{box}\0{seen}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _asked(
    folder: Path, table: pd.DataFrame, others: pd.DataFrame, digest: str, order: AuditOrder, tell: Tell
) -> tuple[AuditedModel, pd.DataFrame, dict[str, str]]:
    """One model's answers to the set and to other things, with the table of the first and what could not be read."""
    card = read_card(folder / "card.json")
    name = folder.resolve().name
    known = table.assign(label=[known_as(label, card.classes) or label for label in table["label"]])
    mine = known["label"].isin(card.classes)
    if not mine.any():
        raise InputError(f"{name} knows none of these classes: it knows {', '.join(card.classes)}. "
                         f"{foreign_note(known['label'][~mine])}")  # fmt: skip
    keeper = _Keeper(folder, card, order, digest, tell)
    asked, failed = keeper.answers(known[mine], "cells")
    elsewhere, _ = keeper.answers(others, OTHER) if len(others) else (asked[:0], {})
    logits = [f"logit_{label}" for label in card.classes]
    novelty, other = asked["novelty"].to_numpy(np.float64), elsewhere["novelty"].to_numpy(np.float64)
    model = AuditedModel(
        name,
        card,
        answers_of(asked, card.classes, name),
        novelty if np.isfinite(novelty).all() else np.zeros(0),
        elsewhere[logits].to_numpy(np.float64),
        other if np.isfinite(other).all() else np.zeros(0),
    )
    return model, asked, failed


@dataclass
class _Keeper:
    """Answers a table in parts, each kept in a file of its own; what is there already is not asked again."""

    folder: Path
    card: ModelCard
    order: AuditOrder
    digest: str
    tell: Tell
    classifier: Classifier | None = None

    def answers(self, table: pd.DataFrame, what: str) -> tuple[pd.DataFrame, dict[str, str]]:
        parts: list[pd.DataFrame] = []
        failed: dict[str, str] = {}
        for start in range(0, len(table), PART):
            found, unreadable = self._part(table.iloc[start : start + PART], f"{what}-{start // PART:05d}")
            parts += [found] if len(found) else []
            failed |= unreadable
            self.tell(f"{self.folder.resolve().name}: {min(start + PART, len(table)):,} of {len(table):,} {what}")
        if not parts:
            raise InputError(
                f"None of the {len(table):,} pictures could be read; the first: {next(iter(failed.items()))}"
            )
        return pd.concat(parts, ignore_index=True), failed

    def _part(self, table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, dict[str, str]]:
        key = hashlib.sha256(f"{self.card.model_dump_json()} {self.digest} {_digest(table)}".encode()).hexdigest()[:16]
        file = self.order.out / "answers" / f"{self.folder.resolve().name}-{name}-{key}.parquet"
        beside = file.with_suffix(".json")
        if file.is_file() and beside.is_file():
            return pd.read_parquet(file), json.loads(beside.read_text(encoding="utf-8"))
        if self.classifier is None:
            self.classifier = load_classifier(self.folder, self.order.device)
        try:
            asked = ask_all(self.classifier, table)
            found, unreadable = asked.table, dict(asked.unreadable)
        except InputError as error:  # not one of the part could be read
            found, unreadable = pd.DataFrame(), {str(path): str(error) for path in table["path"]}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, found.to_parquet(index=False))
        write_whole(beside, json.dumps(unreadable).encode())
        return found, unreadable
