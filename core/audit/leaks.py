"""Copies of audited images among those that the models were trained on: looked for, kept, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from core.audit.findings import AuditTable, Finding, estimated
from core.audit.shards import AUDITED, Document, Shard, ShardImage
from core.audit.subject import AuditedModel, AuditedSet, TrainedOn
from core.data.datasets import Dataset, data_fingerprint, read_data
from core.data.readers import utf8
from core.evaluation.intervals import wilson
from core.models.card import ModelCard

SEEN = ("train", "val")  # splits that a model has seen, where a set has a split of its own
LISTED = 20
TITLE = "Copies from training"


def training_images(place: Path) -> tuple[Dataset, pd.DataFrame]:
    """The labelled images that a model was trained on: those of SEEN where the set has a `train` split, else all."""
    data = read_data(place)
    table = data.table
    return data, table[table["split"].isin(SEEN)] if (table["split"] == "train").any() else table


def training_shard(audited: pd.DataFrame, training: pd.DataFrame) -> Shard:
    """The search of `audited` files among those of `training` as one piece of work."""
    ours = [ShardImage(path, "", AUDITED, row) for row, path in enumerate(dict.fromkeys(audited["path"]))]
    theirs = [ShardImage(path, "", "", row) for row, path in enumerate(dict.fromkeys(training["path"]))]
    return Shard("training", "", "", (*ours, *theirs))


def found_in_training(shard: Shard, document: Document, data: Dataset, cards: Mapping[str, ModelCard]) -> TrainedOn:
    """What the search found."""
    ours = sum(image.label == AUDITED for image in shard.images)
    digest = data_fingerprint(data)
    named = [name for name, card in cards.items() if card.training and card.training.data_fingerprint == digest]
    copies = {row["path"]: (row["copy_of"], row["likeness"]) for row in document["rows"]}
    images = len(shard.images) - ours
    return TrainedOn(
        data.title, images, ours, copies, tuple(named), (int(document["unread"][0]), int(document["unread"][1]))
    )


def leak_finding(models: Sequence[AuditedModel], data: AuditedSet) -> Finding:
    """How many audited images have copies in training; not run where the training images are not at hand."""
    found = data.trained_on
    if found is None:
        return Finding(step="data", key="training", title=TITLE, status="not run", sentence=_asked(models))
    ours, theirs = found.audited - found.unread[0], found.images - found.unread[1]
    if not found.copies and (ours < 1 or theirs < 1):
        told = "Copies could not be looked for: none of the audited files, or none of the training images, can be read."
        return Finding(step="data", key="training", title=TITLE, status="not run", sentence=told)
    share = wilson(len(found.copies), found.audited)
    where = f"{found.images:,} training images of {found.title}"
    if found.copies:
        names = ", ".join(short_name(path) for path in list(found.copies)[:3])
        more = ", …" if len(found.copies) > 3 else ""
        told = (
            f"{len(found.copies):,} of {found.audited:,} audited files have a copy among the {where}: {names}{more}. "
        )
        told += "What the models have seen they name too well: figures on it are too high."
    else:
        told = f"None of {found.audited:,} audited files has a copy among the {where}."
    if any(found.unread):
        told += f" {sum(found.unread):,} files could not be read."
    if found.named_by:
        told += f" It is the set that the card of {' and '.join(found.named_by)} names."
    else:
        told += " No model's card names this set as its own: whether the models saw it is for you to know."
    return estimated(share, step="data", key="training", title=TITLE, status="failed" if found.copies else "passed",
                     sentence=told, condition="no audited image is a copy of a training image")  # fmt: skip


def _asked(models: Sequence[AuditedModel]) -> str:
    """What to give, and what the cards say of leaks in their own sets."""
    told = "Copies of training images were not looked for: name what the models were trained on with --training DIR."
    leaks = dict.fromkeys(
        model.card.training.leak for model in models if model.card.training and model.card.training.leak
    )
    return " ".join([told, *(f"A card says of its own test images: {leak}" for leak in leaks)])


def leak_tables(data: AuditedSet) -> list[AuditTable]:
    """The copies, each with what it is a copy of."""
    found = data.trained_on
    if found is None or not found.copies:
        return []
    rows = [(short_name(path), short_name(other), how) for path, (other, how) in list(found.copies.items())[:LISTED]]
    note = (
        f"{len(rows)} of {len(found.copies):,}. An altered copy is turned, cropped, scaled, recoloured or compressed."
    )
    heads = ("audited", "in training", "how alike")
    return [AuditTable(title="Copies of training images", heads=heads, rows=tuple(rows), note=note)]


def short_name(path: str) -> str:
    """A file as an audit calls it: its folder and its name."""
    return utf8(f"{Path(path).parent.name}/{Path(path).name}")
