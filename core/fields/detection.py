"""Every white cell of a photograph of a smear: candidates from its stain, judged and boxed by the small network twice,
and of those that mean one cell the surest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from core.decoding.formats import MAX_PIXELS
from core.errors import InputError
from core.fields.candidates import empty_light, nuclear_candidates
from core.fields.cells import Corners, FieldCell, in_reading_order, overlap_of
from core.fields.finder import (
    CellFinder,
    Squares,
    boxes_of,
    cut_squares,
    shipped_finder,
    squares_of,
    to_input,
    to_shares,
)
from core.preprocessing.surround import field_of
from core.settings import Settings, number_field

WORKING_PIXELS = 6_000_000  # above which candidates are sought on a reduced copy
BATCH = 128  # squares that are judged at a time
LOOKS = 2  # at each candidate: at its square, and at the square of the box that it led to
PROMISING = 0.08  # score of the first look under which there is no second
LEAST_SIDE = 8  # px of a cell's box
OF_LARGE = 0.34  # of the longer side of the photograph's large cells, under which a find is a platelet
LARGE = 90.0  # percentile of the longer sides that large cells have
FOUND_WITH = 0.25  # share of the work that the search for candidates is


class DetectionSettings(Settings):
    """How white cells are sought in a photograph."""

    least_score: float = number_field(
        0.5, 0.05, 0.99, "Least score", "How sure the network must be that a find is a white cell."
    )
    most_overlap: float = number_field(
        0.35, 0.1, 0.9, "Most overlap", "Intersection over union from which on two boxes are one cell's."
    )
    most_inside: float = number_field(
        0.65, 0.3, 1.0, "Most inside", "Share of the smaller box inside the larger from which on they are one cell's."
    )


Told = Callable[[float], None] | None
Asked = Callable[[], bool] | None


def detect_cells(
    field: NDArray[np.uint8],
    settings: DetectionSettings | None = None,
    *,
    finder: CellFinder | None = None,
    progress: Told = None,
    cancelled: Asked = None,
) -> list[FieldCell]:
    """Find every white cell of `field` `(H, W, 3) uint8` of at most 40 megapixels, numbered in reading order.

    Boxes are those of whole cells, cut at the border. `finder` is another network than the one shipped. `progress` is
    told a share from 0 to 1; where `cancelled` becomes True the search ends with an empty list. Raises InputError for a
    larger photograph.
    """
    chosen = settings or DetectionSettings()
    check_field(field.shape)
    squares, light = candidate_squares(field)
    if progress is not None:
        progress(FOUND_WITH)
    network = finder or shipped_finder()
    boxes, scores = np.empty((0, 4)), np.empty(0)
    for look in range(LOOKS):
        rows = []
        for done, answers in _judged(network, field, squares, light):
            if cancelled is not None and cancelled():
                return []
            rows.append(answers)
            if progress is not None:
                progress(FOUND_WITH + (1 - FOUND_WITH) * (look + done) / LOOKS)
        answers = np.concatenate(rows) if rows else np.empty((0, 5))
        boxes, scores = boxes_of(squares, answers), expit(answers[:, 0])
        keep = scores >= (PROMISING if look + 1 < LOOKS else chosen.least_score)
        boxes, scores = boxes[keep], scores[keep]
        squares = squares_of(boxes)
    if progress is not None:
        progress(1.0)
    return in_reading_order(_one_each(boxes, scores, field.shape, chosen))


def check_field(shape: tuple[int, ...]) -> None:
    """InputError for a photograph of `shape` `(H, W, …)` that is larger than can be searched."""
    pixels = shape[0] * shape[1]
    if pixels > MAX_PIXELS:
        raise InputError(
            f"The photograph has {pixels / 1e6:,.0f} megapixels; at most {MAX_PIXELS // 1_000_000} are searched. "
            "Make it smaller, or cut it into parts."
        )


def candidate_squares(field: NDArray[np.uint8]) -> tuple[Squares, NDArray[np.float32]]:
    """Squares `(N, 3)` (middle x, y and side in px) that may frame a cell, and the empty field's light `(3,)`.

    They are sought on a copy of at most six megapixels.
    """
    scale = min(1.0, float(np.sqrt(WORKING_PIXELS / (field.shape[0] * field.shape[1]))))
    working = field
    if scale < 1:
        working = np.asarray(cv2.resize(field, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    inside = field_of(working)
    found = np.array([(one.x, one.y, one.side) for one in nuclear_candidates(working, inside)], dtype=np.float64)
    return found.reshape(-1, 3) * (field.shape[1] / working.shape[1]), empty_light(working, inside)


def ask_finder(
    network: CellFinder, field: NDArray[np.uint8], squares: Squares, light: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What the network says of `squares` `(N, 3)` of a photograph `(H, W, 3)` with this empty light: `(N, 5)`."""
    rows = [answers for _, answers in _judged(network, field, squares, light)]
    return np.concatenate(rows) if rows else np.empty((0, 5))


def _judged(
    network: CellFinder, field: NDArray[np.uint8], squares: Squares, light: NDArray[np.float32]
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Share done and the answers `(n, 5)` of each batch."""
    for start in range(0, len(squares), BATCH):
        patches = cut_squares(field, squares[start : start + BATCH], light)
        with torch.inference_mode():
            answers = network(to_input(to_shares(patches, light))).double().numpy()
        yield min(1.0, (start + BATCH) / len(squares)), answers


def _one_each(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], shape: tuple[int, ...], settings: DetectionSettings
) -> list[FieldCell]:
    """Cells without a number, the surest of those that overlap, less what is far smaller than the photograph's large
    cells; boxes are cut at the border."""
    edges = np.array([shape[1], shape[0]] * 2)
    whole = np.rint(np.clip(boxes, 0, edges)).astype(int)
    kept: list[tuple[Corners, float]] = []
    for index in np.argsort(-scores, kind="stable"):
        left, top, right, bottom = (int(value) for value in whole[index])
        box = (left, top, right, bottom)
        if min(right - left, bottom - top) < LEAST_SIDE:
            continue
        if not any(_same_cell(box, other, settings) for other, _ in kept):
            kept.append((box, float(scores[index])))
    sides = [max(box[2] - box[0], box[3] - box[1]) for box, _ in kept]
    least = OF_LARGE * float(np.percentile(sides, LARGE)) if kept else 0.0
    kept = [one for one, side in zip(kept, sides, strict=True) if side >= least]
    return [
        FieldCell(0, box, score, any(other != box and overlap_of(box, other) > 0 for other, _ in kept))
        for box, score in kept
    ]


def _same_cell(box: Corners, other: Corners, settings: DetectionSettings) -> bool:
    shared = overlap_of(box, other)
    if shared == 0:
        return False
    smaller, larger = sorted((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
    inside = shared * (smaller + larger) / (1 + shared) / smaller
    return shared > settings.most_overlap or inside > settings.most_inside
