"""What shards of an audit do: a model's answers, the pictures' own facts, what the model does with changed pictures.
Each function takes a shard and gives a document of plain numbers; nothing else decides its result."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.audit.shards import AUDITED, Document, Shard, ShardImage
from core.audit.shifts import SEVERITIES, SHIFTS, USUAL, shifted
from core.audit.subject import picture_facts
from core.data.loading import read_boxed
from core.data.readers import utf8
from core.errors import InputError
from core.evaluation.predict_set import ask_all
from core.explanation.context import ImageContext, cell_masks, scaled_mask
from core.explanation.engine import checked_request, chosen_precision, explain
from core.explanation.methods.registry import method
from core.explanation.quality.randomisation import RandomisationTask
from core.explanation.quality.scoring import ScoringTask
from core.explanation.quality.similarity import positive_share, spearman
from core.leaks.between import copies_between
from core.models.checkpoints import load_classifier
from core.models.classifier import Classifier
from core.models.staged import DTYPES
from core.preprocessing.framing import frame_image

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
METHOD = "gradcam"
CURVES = ("deletion", "insertion")
MAP_SIDE = 14  # cells along a side of a map that is kept
HALO = 0.04  # share of the side by which a cell is covered beyond its outline: stain does not end sharply


def work_on(shard: Shard) -> Document:
    """Do what the shard's step asks for."""
    return FUNCTIONS[shard.step](shard)


@lru_cache(maxsize=1)
def _loaded(model: str, identity: str, device: str) -> Classifier:
    """A process works on one model at a time."""
    return load_classifier(Path(model), device)


def _of(shard: Shard) -> Classifier:
    return _loaded(shard.model, shard.identity, shard.device)


def _table(shard: Shard) -> pd.DataFrame:
    return pd.DataFrame([vars(image) for image in shard.images])


def answered(shard: Shard) -> Document:
    """Rows of `answer_table`, and what could not be read with the reason."""
    try:
        asked = ask_all(_of(shard), _table(shard))
    except InputError as error:  # not one of the part could be read
        return {"rows": [], "unreadable": {image.path: str(error) for image in shard.images}}
    rows = json.loads(asked.table.to_json(orient="records", double_precision=15))
    return {"rows": rows, "unreadable": dict(asked.unreadable)}


def described_pictures(shard: Shard) -> Document:
    """Sizes, border colour and sharpness of each picture; unreadable ones are left out."""
    facts = picture_facts([image.path for image in shard.images], [image.box for image in shard.images])
    numbers = [image.row for image in shard.images]
    rows: list[dict[str, Any]] = facts.to_dict("records")  # type: ignore[assignment]
    return {"rows": [{**row, "row": numbers[int(row["row"])]} for row in rows]}


def _framed(image: ShardImage, framing: str, change: Callable[[Picture], Picture] = lambda rgb: rgb) -> Picture:
    return frame_image(change(read_boxed(Path(image.path), image.box)), framing).rgb


def under_shift(shard: Shard) -> Document:
    """Each picture as it is and under every shift: the answer, how sure it is, and at step USUAL how like
    the original's its Grad-CAM is (of the original's answer; None where the model has none).
    """
    return {"rows": [row for image in shard.images for row in _shift_rows(_of(shard), image, shard.seed)]}


def _shift_rows(classifier: Classifier, image: ShardImage, seed: int) -> list[dict[str, Any]]:
    view = _framed(image, classifier.card.framing)
    mapped = not method(METHOD).unfit(classifier)
    clean, logits = cams(classifier, [view], None) if mapped else (None, _logits(classifier, [view]))
    shown = int(logits[0].argmax())
    rows = [_shift_row(classifier, image, ("none", 0), logits[0], 1.0 if mapped else None)]
    for name in SHIFTS:
        changes = [partial(shifted, name=name, severity=step, seed=seed) for step in SEVERITIES]
        views = [_framed(image, classifier.card.framing, change) for change in changes]
        own = None if clean is None else cams(classifier, [views[USUAL - 1]], shown)[0][0]
        for step, given in zip(SEVERITIES, _logits(classifier, views), strict=True):
            like = spearman(clean[0], own) if step == USUAL and clean is not None and own is not None else None
            rows.append(_shift_row(classifier, image, (name, step), given, like))
    return rows


def _logits(classifier: Classifier, views: list[Picture]) -> NDArray[np.float32]:
    """Logits `(n, K)`, in the number format in which this model's answers to many pictures are asked for."""
    precision = chosen_precision(classifier, "masks")
    with torch.no_grad():
        given = classifier.inference_copy(precision)(classifier.tensor(views).to(DTYPES[precision]))
    return np.asarray(classifier.finite(given.float()).cpu().numpy())


def _shift_row(
    classifier: Classifier, image: ShardImage, shift: tuple[str, int], logits: NDArray[np.float32], like: float | None
) -> dict[str, Any]:
    answer = classifier.card.classes[int(logits.argmax())]
    sureness = float(classifier.probabilities(logits[None]).max())
    facts = {"row": image.row, "label": image.label, "shift": shift[0], "severity": shift[1]}
    return {**facts, "answer": answer, "sureness": sureness, "like": like}


def cams(
    classifier: Classifier, views: list[Picture], place: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Grad-CAM of the class at `place` (None: each view's own answer), `(n, h, w)` on the cut's grid; logits `(n, K)`.

    Selvaraju et al. 2017, eq. 1 and 2, of many pictures in one pass; InputError where logits are not finite.
    """
    network = classifier.network
    with torch.no_grad():
        activations = network.features(classifier.tensor(views))
    with torch.enable_grad():
        leaves = activations.clone().requires_grad_()
        logits = classifier.finite(network.head(leaves.clone()))
        places = logits.argmax(dim=1) if place is None else torch.full((len(views),), place, device=logits.device)
        (gradients,) = torch.autograd.grad(logits.gather(1, places[:, None]).sum(), leaves)
    maps: Tensor = (gradients.mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1).clamp_min(0)
    return maps.float().cpu().numpy(), logits.detach().float().cpu().numpy()


def looked_at(shard: Shard) -> Document:
    """Where each Grad-CAM lies, and the answers to the cell alone, to what surrounds it, and to swapped surroundings.

    The surroundings are those of the shard's next picture of another class. Pictures without a cell are left out.
    """
    classifier = _of(shard)
    seen = [(image, ImageContext(_framed(image, classifier.card.framing))) for image in shard.images]
    found = [(image, context) for image, context in seen if cell_masks(context).found]
    rows = []
    for number, (image, context) in enumerate(found):
        later = islice(found[number + 1 :] + found[:number], len(found))
        other = next(((one, theirs) for one, theirs in later if one.label != image.label), None)
        rows.append(_look_row(classifier, image, context, other))
    return {"rows": rows, "without": len(seen) - len(found)}


def _look_row(
    classifier: Classifier, image: ShardImage, context: ImageContext, other: tuple[ShardImage, ImageContext] | None
) -> dict[str, Any]:
    place = int(classifier.predict([context.rgb])[0].logits.argmax())
    unfit, side = method(METHOD).unfit(classifier), classifier.card.input_size
    values = np.zeros((side, side), dtype=np.float32)
    if not unfit:
        values = explain(classifier, context, [METHOD], [classifier.card.classes[place]])[METHOD].values[0]
    zones = zones_of(context, values.shape[0])
    picture, cell = context.picture(), cell_masks(context).cell
    pictures = {"cell": cell_alone(picture, cell), "surroundings": surroundings_alone(picture, cell)}
    if other is not None:
        pictures["swapped"] = swapped(picture, cell, other[1].picture(), cell_masks(other[1]).cell)
    answers = [one.predicted for one in classifier.predict(list(pictures.values()))]
    return {
        "row": image.row,
        "image": utf8(f"{Path(image.path).parent.name}/{Path(image.path).name}"),
        "map": small_map(values),
        "label": image.label,
        "answer": classifier.card.classes[place],
        "other": other[0].label if other else "",
        "shares": {name: positive_share(values, zone) for name, zone in zones.items()},
        "areas": {name: float(zone.mean()) for name, zone in zones.items()},
        "answers": dict(zip(pictures, answers, strict=True)),
        "unfit": unfit,
    }


def small_map(values: NDArray[np.float32]) -> list[list[float]] | None:
    """The positive part of a map `(S, S)` on a grid of MAP_SIDE, each cell its mean, scaled to a sum of 1; None where
    there is none."""
    small = cv2.resize(np.maximum(values, 0), (MAP_SIDE, MAP_SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    total = float(small.sum())
    return [[round(float(value), 5) for value in row] for row in small / total] if total > 0 else None


def zones_of(context: ImageContext, side: int) -> dict[str, Mask]:
    """Nucleus, cytoplasm and surroundings `(side, side) bool`, which together are the whole picture."""
    masks = cell_masks(context)
    cell = scaled_mask(masks.cell, side)
    nucleus = np.zeros_like(cell) if masks.nucleus is None else scaled_mask(masks.nucleus, side) & cell
    return {"nucleus": nucleus, "cytoplasm": cell & ~nucleus, "surroundings": ~cell}


def cell_alone(picture: Picture, cell: Mask) -> Picture:
    """`picture` `(S, S, 3)` with the median colour of the surroundings in their place."""
    painted = picture.copy()
    painted[~cell] = _ground(picture, cell)
    return painted


def surroundings_alone(picture: Picture, cell: Mask) -> Picture:
    """`picture` with a disc of the surroundings' median colour over the cell: its outline would tell its kind."""
    painted = picture.copy()
    painted[_disc(cell)] = _ground(picture, cell)
    return painted


def swapped(picture: Picture, cell: Mask, other: Picture, others_cell: Mask) -> Picture:
    """The cell of `picture` on the surroundings of `other`, whose own cell is covered."""
    mixed = surroundings_alone(other, others_cell)
    mixed[cell] = picture[cell]
    return mixed


def _ground(picture: Picture, cell: Mask) -> NDArray[np.float64]:
    outside = picture[~cell]
    return np.median(outside if len(outside) else picture.reshape(-1, 3), axis=0)


def _disc(cell: Mask) -> Mask:
    """The smallest disc around the cell, a little larger."""
    rows, columns = np.nonzero(cell)
    (x, y), radius = cv2.minEnclosingCircle(np.stack([columns, rows], axis=1).astype(np.float32))
    across, down = np.meshgrid(np.arange(cell.shape[1]), np.arange(cell.shape[0]))
    return np.asarray((across - x) ** 2 + (down - y) ** 2 <= (radius + HALO * cell.shape[0]) ** 2)


def map_worth(shard: Shard) -> Document:
    """Faithfulness of each picture's Grad-CAM beside the control maps', and whether it depends on what was learnt."""
    classifier, rows = _of(shard), []
    unfit = method(METHOD).unfit(classifier)
    for image in () if unfit else shard.images:
        context = ImageContext(_framed(image, classifier.card.framing))
        answer = classifier.predict([context.rgb])[0].predicted
        explanation = explain(classifier, context, [METHOD], seed=shard.seed)[METHOD]
        scoring = ScoringTask(classifier, context, explanation, answer, CURVES, shard.seed, "auto")
        check = RandomisationTask(checked_request(METHOD, classifier, context, seed=shard.seed), answer)
        for task in (scoring, check):
            while not task.done:
                task.advance()
        scores = {row.score: {"map": row.value, **row.controls} for row in scoring.scoring().rows}
        facts = {"row": image.row, "label": image.label, "answer": answer, "scores": scores}
        rows.append({**facts, "forgets": check.result().passed})
    return {"rows": rows, "unfit": unfit}


def trained_copies(shard: Shard) -> Document:
    """Copies of the shard's AUDITED images among its others, a row each: what it is a copy of, and how alike."""
    ours = [image for image in shard.images if image.label == AUDITED]
    theirs = [image for image in shard.images if image.label != AUDITED]
    places = [[Path(image.path) for image in part] for part in (ours, theirs)]
    copies, unread = copies_between(places[0], places[1], lambda line: None)
    rows = [{"path": ours[c.image].path, "copy_of": theirs[c.other].path, "likeness": c.likeness} for c in copies]
    return {"rows": rows, "unread": list(unread)}


FUNCTIONS: dict[str, Callable[[Shard], Document]] = {
    "answers": answered,
    "others": answered,
    "pictures": described_pictures,
    "shift": under_shift,
    "looks": looked_at,
    "explanations": map_worth,
    "training": trained_copies,
}
