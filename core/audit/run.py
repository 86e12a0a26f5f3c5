"""An audit from its order to its report. Answers are kept in parts as they are given, so that an audit that was killed
goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, model_validator

import core
from core.audit.behaviour import work_on
from core.audit.between import between_step
from core.audit.conditions import FrozenConditions
from core.audit.findings import (
    LONGEST,
    STEPS,
    Condition,
    Finding,
    Remark,
    Standing,
    StepResult,
    Strict,
    checked_conditions,
)
from core.audit.leaks import found_in_training, training_images, training_shard
from core.audit.operating import Wanted, operating_step
from core.audit.probes import calibration_step, shortcut_step, unfamiliar_step
from core.audit.sampled_steps import Documents, explanation_step, looks_step, sampled_rows, shift_step
from core.audit.shards import Document, Shard, ShardImage, Workers, run_shards
from core.audit.steps import data_step, performance_step, use_step
from core.audit.subgroups import subgroup_step
from core.audit.subject import AuditedModel, AuditedSet, TrainedOn, group_of, read_audit_groups
from core.audit.verified import CHECKED, verified
from core.classes import known_as
from core.data.datasets import Dataset, read_data
from core.data.readers import csv_text, utf8
from core.decoding import find_images
from core.errors import InputError
from core.evaluation.predictions import PREDICTIONS, answers_of, foreign_note, read_answers
from core.files import write_whole
from core.models.card import read_card
from core.settings import SHA256

PARTS = {"answers": 256, "others": 256, "pictures": 256, "shift": 5, "looks": 20, "explanations": 2}
"""Images whose results are kept at once, by step."""

FEW = {"explanations": 6}  # a step that takes this many images at most
IMAGES = "images.csv"  # every answer, beside the report
EVERY = "every"  # stands for all images of a set, whatever their split
OTHER = "other"

Tell = Callable[[str], None]
Step = Callable[[Sequence[AuditedModel], AuditedSet], StepResult]
STEP_FUNCTIONS: dict[str, Step] = {
    "use": use_step,
    "data": data_step,
    "performance": performance_step,
    "subgroups": subgroup_step,
    "between": between_step,
    "calibration": calibration_step,
    "shortcuts": shortcut_step,
    "unfamiliar": unfamiliar_step,
}
SAMPLED: dict[str, Callable[[Documents], StepResult]] = {
    "shift": shift_step,
    "looks": looks_step,
    "explanations": explanation_step,
}


@dataclass(frozen=True)
class AuditOrder:
    """What is audited: model folders, labelled images (None: the answers kept beside each model), pictures of `others`
    that are no cell of ours, the images of `training`, a table of slides and its further columns that name `subgroups`,
    the steps, and the conditions.

    `choose_on` is the split that thresholds are chosen on (None: halves of the audited one); `verify` compares some
    maps with a reference library's. `sample` images, drawn by `seed`, are those that are changed and asked again;
    `wanted` is what thresholds are for.
    """

    models: tuple[Path, ...]
    out: Path
    place: Path | None = None
    dataset: str = "auto"
    split: str | None = None
    others: Path | None = None
    training: Path | None = None
    groups: Path | None = None
    group_column: str = "group"
    subgroups: tuple[str, ...] = ()
    steps: tuple[str, ...] = STEPS
    conditions: tuple[Condition, ...] = ()
    device: str = "cpu"
    sample: int = 25
    seed: int = 0
    wanted: Wanted = field(default_factory=Wanted)
    workers: Workers = field(default_factory=Workers)
    choose_on: str | None = None
    verify: bool = False


class AuditedModelFacts(Strict):
    """Which model was audited: its name, the SHA-256 of its weights, and on how many images it answered."""

    name: str = Field(max_length=LONGEST)
    title: str = Field(max_length=LONGEST)
    weights_sha256: str = Field(pattern=SHA256)
    images: int


class AuditReport(Strict):
    """Everything that an audit found.

    `standing` is what an auditor says of it: diagnostic (as it was made), reviewed, or released for use. `frozen` are
    the conditions as they stood when it began, None where nothing was kept in a folder.
    """

    format: int = 1
    standing: Standing = "diagnostic"
    software: str
    data: str
    data_sha256: str = Field(pattern=SHA256)
    models: tuple[AuditedModelFacts, ...]
    results: tuple[StepResult, ...]
    conditions: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    command: str = ""
    frozen: FrozenConditions | None = None
    remarks: tuple[Remark, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> AuditReport:
        for marks in ([finding.mark for finding in self.findings], [remark.mark for remark in self.remarks]):
            if len(set(marks)) < len(marks):
                raise ValueError("two findings, or two remarks, have one mark")
        return self

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the conditions' first."""
        return (*self.conditions, *(finding for result in self.results for finding in result.findings))

    @property
    def failed(self) -> bool:
        """Whether a condition of the pipeline fails."""
        return any(finding.status == "failed" for finding in self.conditions)


def run_audit(order: AuditOrder, tell: Tell, command: str = "", frozen: FrozenConditions | None = None) -> AuditReport:
    """Answer, look and judge; InputError where nothing can be audited. The report is not yet written.

    `frozen` are the order's conditions as they were written down before.
    """
    if not order.models:
        raise InputError("No model to audit: name one with --model.")
    if order.place is None and (order.choose_on or order.verify):
        raise InputError("--choose-on and --verify need images: name them with --data.")
    if order.place is None and order.training is not None:
        raise InputError("--training compares images: name those that are audited with --data.")
    if order.place is None:
        models, data, digest = _kept_answers(order)
        sample = None
    else:
        models, data, digest, sample = _fresh_answers(order, tell)
    results = []
    for name in order.steps:
        tell(f"Step {name}")
        results.append(_step(name, order, models, data, sample, tell))
    if order.place is not None:
        _keep_images(models, order.out)
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
        frozen=frozen,
    )


def _keep_images(models: Sequence[AuditedModel], out: Path) -> None:
    """Write a row for each model and image, as spreadsheets open it: what was asked, answered, and how surely."""
    tables = [
        pd.DataFrame(
            {
                "model": model.name,
                "image": model.answers.images,
                "label": [model.answers.classes[place] for place in model.answers.labels],
                "answer": [model.answers.classes[place] for place in model.answers.predicted],
                "probability": model.probabilities.max(axis=1).round(4),
                "distance": model.novelty.round(4) if len(model.novelty) else "",
                "sha256": model.answers.digests or "",
            }
        )
        for model in models
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / IMAGES, csv_text(pd.concat(tables)).encode())
    except OSError as error:
        raise InputError(f"{IMAGES} cannot be written to {out}: {error.strerror or error}.") from error


WITHOUT_PICTURES = tuple(name for name in STEPS if name not in SAMPLED)
"""Steps that the answers alone allow, or at least say what they lack."""


def _step(
    name: str,
    order: AuditOrder,
    models: Sequence[AuditedModel],
    data: AuditedSet,
    sample: Mapping[str, pd.DataFrame] | None,
    tell: Tell,
) -> StepResult:
    """One step: by the answers alone, or by changing the pictures of a sample and asking again."""
    if name == "operating":
        return operating_step(models, data, order.wanted)
    if name in STEP_FUNCTIONS:
        return STEP_FUNCTIONS[name](models, data)
    documents: dict[str, list[Document]] = {}
    for folder in order.models if sample is not None else ():
        assert sample is not None
        own = folder.resolve().name
        count = min(order.sample, FEW[name]) if name in FEW else order.sample
        shards = _shards(name, folder, sampled_rows(sample[own], count, order.seed), order)
        documents[own] = run_shards(shards, work_on, order.out / "parts", order.workers, tell)
    found = SAMPLED[name](documents)
    if name != "explanations" or not order.verify or sample is None:
        return found
    rows = {folder: sampled_rows(sample[folder.resolve().name], CHECKED, order.seed) for folder in order.models}
    checked = [verified(folder, own, order.seed, order.device, tell) for folder, own in rows.items()]
    return found.model_copy(update={"findings": (*found.findings, *checked)})


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


def _fresh_answers(
    order: AuditOrder, tell: Tell
) -> tuple[list[AuditedModel], AuditedSet, str, dict[str, pd.DataFrame]]:
    """The models' answers, what was asked, its digest, and by model the images that could be read."""
    assert order.place is not None
    data = read_data(order.place, order.dataset)
    table, title = _part(data, order.split)
    others = _others(order.others)
    groups = read_audit_groups(order.groups, order.group_column) if order.groups else {}
    named = _subgroups(order, table)  # before any work: a wrong column is told at once
    seen = training_images(order.training) if order.training is not None else None
    facts = _picture_facts(table, groups, order, tell)
    if groups and (facts.empty or (facts["group"] == "").all()):
        raise InputError(f"{order.groups} names none of the images: it needs their path or file name.")
    choosing = _choosing(order, data, title)
    models: list[AuditedModel] = []
    unreadable: dict[str, str] = {}
    pictures: pd.DataFrame | None = None
    readable: dict[str, pd.DataFrame] = {}
    for folder in order.models:
        model, asked, failed = _asked(folder, table, others, order, tell)
        if choosing is not None:
            model = replace(model, choosing=_asked(folder, choosing, others[:0], order, tell)[0].answers)
        models.append(model)
        unreadable |= failed
        readable[model.name] = table[table["row"].isin(asked["row"])].assign(label=asked["label"].to_numpy())
        own = asked.merge(facts, on="row", how="inner")[["image", "sha256", "label", *facts.columns.drop("row")]]
        pictures = own if pictures is None or len(own) > len(pictures) else pictures
    trained = _trained_on(seen, table, models, order, tell) if seen is not None and "data" in order.steps else None
    audited = AuditedSet(title, pictures, tuple(unreadable.items()), data.notes, named, trained)
    return models, audited, _digest(table), readable


def _choosing(order: AuditOrder, data: Dataset, title: str) -> pd.DataFrame | None:
    """The images that thresholds are chosen on; InputError where they are those that are audited."""
    if order.choose_on is None:
        return None
    if order.choose_on == "train":
        raise InputError("--choose-on train: models are surer of what they were trained on than of anything else. "
                         "Name a split that they did not see.")  # fmt: skip
    table, chosen = _part(data, order.choose_on)
    if chosen == title or EVERY in (order.choose_on, order.split):
        raise InputError("--choose-on must name another split than the one that is audited: thresholds that are judged "
                         "on what they were chosen on look better than they are.")  # fmt: skip
    return table


def _trained_on(
    seen: tuple[Dataset, pd.DataFrame],
    table: pd.DataFrame,
    models: Sequence[AuditedModel],
    order: AuditOrder,
    tell: Tell,
) -> TrainedOn:
    """Copies of the set's images among those of training."""
    shard = training_shard(table, seen[1])
    tell(f"Looking for copies of {len(table):,} images among {len(seen[1]):,} of training")
    (document,) = run_shards([shard], work_on, order.out / "parts", order.workers, tell)
    return found_in_training(shard, document, seen[0], {model.name: model.card for model in models})


def _subgroups(order: AuditOrder, table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """What each column of the table of slides that names subgroups says of each image."""
    if not order.subgroups:
        return {}
    if order.groups is None:
        raise InputError("--subgroups names columns of the table that --groups names: give that too.")
    said = {column: read_audit_groups(order.groups, column) for column in order.subgroups}
    paths = [Path(text) for text in table["path"]]
    names = [utf8(f"{path.parent.name}/{path.name}") for path in paths]
    return {
        column: {name: group_of(path, told) for name, path in zip(names, paths, strict=True)}
        for column, told in said.items()
    }


def _picture_facts(table: pd.DataFrame, groups: Mapping[str, str], order: AuditOrder, tell: Tell) -> pd.DataFrame:
    """What the pictures themselves are, and the slide of each."""
    documents = run_shards(_shards("pictures", None, table, order), work_on, order.out / "parts", order.workers, tell)
    facts = pd.DataFrame([row for document in documents for row in document["rows"]])
    if facts.empty:
        return facts
    return facts.assign(group=[group_of(Path(table["path"].iloc[row]), groups) for row in facts["row"]])


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


def _shards(step: str, folder: Path | None, table: pd.DataFrame, order: AuditOrder) -> list[Shard]:
    """The table's rows in parts of the step's size."""
    identity = "" if folder is None else read_card(folder / "card.json").model_dump_json()
    model = "" if folder is None else str(folder.resolve())
    columns = (table[name] for name in ("path", "box", "label", "row"))
    images = [ShardImage(path, box, label, int(row)) for path, box, label, row in zip(*columns, strict=True)]
    size = PARTS[step]
    return [
        Shard(step, model, identity, tuple(images[start : start + size]), order.seed, order.device)
        for start in range(0, len(images), size)
    ]


def _asked(
    folder: Path, table: pd.DataFrame, others: pd.DataFrame, order: AuditOrder, tell: Tell
) -> tuple[AuditedModel, pd.DataFrame, dict[str, str]]:
    """One model's answers to the set and to other things, with the table of the first and what could not be read."""
    card = read_card(folder / "card.json")
    name = folder.resolve().name
    known = table.assign(label=[known_as(label, card.classes) or label for label in table["label"]])
    mine = known["label"].isin(card.classes)
    if not mine.any():
        raise InputError(f"{name} knows none of these classes: it knows {', '.join(card.classes)}. "
                         f"{foreign_note(known['label'][~mine])}")  # fmt: skip
    asked, failed = _answers("answers", folder, known[mine], order, tell)
    elsewhere = _answers("others", folder, others, order, tell)[0] if len(others) else asked[:0]
    logits = [f"logit_{label}" for label in card.classes]
    novelty, other = (pd.to_numeric(part["novelty"]).to_numpy(np.float64) for part in (asked, elsewhere))
    model = AuditedModel(
        name,
        card,
        answers_of(asked, card.classes, name),
        novelty if np.isfinite(novelty).all() else np.zeros(0),
        elsewhere[logits].to_numpy(np.float64),
        other if np.isfinite(other).all() else np.zeros(0),
    )
    return model, asked, failed


def _answers(
    step: str, folder: Path, table: pd.DataFrame, order: AuditOrder, tell: Tell
) -> tuple[pd.DataFrame, dict[str, str]]:
    """One model's answers, and what could not be read; InputError where nothing could."""
    documents = run_shards(_shards(step, folder, table, order), work_on, order.out / "parts", order.workers, tell)
    rows = [row for document in documents for row in document["rows"]]
    failed = {path: reason for document in documents for path, reason in document["unreadable"].items()}
    if not rows:
        raise InputError(f"None of the {len(table):,} pictures could be read; the first: {next(iter(failed.items()))}")
    return pd.DataFrame(rows), failed
