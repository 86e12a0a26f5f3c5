"""Cells found in photographs against annotations of the same photographs: which annotations belong to which, and
recall, precision and confusion at an overlap of a half."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from core.errors import InputError
from core.evaluation.intervals import Estimate, wilson
from core.fields.annotation_files import MILLION
from core.fields.annotations import WHITE_CELL, AnnotatedBox, AnnotatedPhotograph, white_label
from core.fields.cells import Corners, matched_boxes

OVERLAP = 0.5  # intersection over union from which on a find is an annotated cell


@dataclass(frozen=True)
class CountedPicture:
    """What is known of a photograph that annotations may belong to: its file's name and hash, its sides in px."""

    name: str
    sha256: str
    width: int
    height: int


def belongs_to(truth: AnnotatedPhotograph, pictures: Sequence[CountedPicture]) -> tuple[int, AnnotatedPhotograph]:
    """The index of the photograph that `truth` is about, and the truth with its boxes in px of that.

    It is the one of the same hash, or of the same name and size. InputError says whether name or size do not fit.
    """
    for index, one in enumerate(pictures):
        if truth.sha256 and truth.sha256 == one.sha256:
            return index, _in_pixels(truth, one)
    names = [index for index, one in enumerate(pictures) if _same_name(truth, one.name)]
    if not names:
        here = ", ".join(f"“{one.name}”" for one in pictures[:5]) + (", …" if len(pictures) > 5 else "")
        raise InputError(f"The annotations are of another picture: “{truth.name}”. Here are {here or 'none'}.")
    for index in names:
        one = pictures[index]
        if truth.relative or (truth.width, truth.height) == (one.width, one.height):
            return index, _in_pixels(truth, one)
    one = pictures[names[0]]
    raise InputError(
        f"The annotations of “{truth.name}” are of a picture of {truth.width} x {truth.height} px; the one here has "
        f"{one.width} x {one.height} px."
    )


def _same_name(truth: AnnotatedPhotograph, name: str) -> bool:
    here = PurePosixPath(name.replace("\\", "/"))
    told = here.stem if truth.relative else here.name
    return told.casefold() == truth.name.casefold()


def _in_pixels(truth: AnnotatedPhotograph, picture: CountedPicture) -> AnnotatedPhotograph:
    if not truth.relative:
        return truth
    scale = (picture.width / MILLION, picture.height / MILLION) * 2
    boxes = []
    for box in truth.boxes:
        left, top, right, bottom = (round(side * by) for side, by in zip(box.box, scale, strict=True))
        boxes.append(replace(box, box=(left, top, max(left + 1, right), max(top + 1, bottom))))
    return replace(truth, name=picture.name, width=picture.width, height=picture.height, boxes=tuple(boxes))


@dataclass(frozen=True)
class FieldScore:
    """How finds compare with the annotated white cells: `recall` and `precision` with 95 % intervals (Wilson).

    `confusion` counts (annotated class, named class) over the cells that were found, where the annotation names a
    class; `right` is the share of these named alike. `missed` and `extra` are (photograph's index, box);
    `left_out` counts annotations of red cells, platelets and other things that are no white cell.
    """

    recall: Estimate
    precision: Estimate
    right: Estimate
    confusion: tuple[tuple[str, str, int], ...]
    missed: tuple[tuple[int, Corners], ...]
    extra: tuple[tuple[int, Corners], ...]
    left_out: int


def score_fields(found: Sequence[Sequence[AnnotatedBox]], truths: Sequence[AnnotatedPhotograph]) -> FieldScore:
    """Score the finds of each photograph (boxes in px, labels, scores) against its truth, the surest find first.

    A find is right where it overlaps an annotated cell that no surer find has taken by half (intersection over union;
    the PASCAL VOC criterion, Everingham et al. 2010).
    """
    pairs: Counter[tuple[str, str]] = Counter()
    missed: list[tuple[int, Corners]] = []
    extra: list[tuple[int, Corners]] = []
    hits, left_out = 0, 0
    for index, (finds, truth) in enumerate(zip(found, truths, strict=True)):
        white = [(box.box, label) for box in truth.boxes if (label := white_label(box.label)) is not None]
        left_out += len(truth.boxes) - len(white)
        surest = sorted(finds, key=lambda box: (-box.score, box.number))
        taken = matched_boxes([box.box for box in surest], [box for box, _ in white], OVERLAP)
        hits += sum(place >= 0 for place in taken)
        missed += [(index, box) for place, (box, _) in enumerate(white) if place not in taken]
        extra += [(index, find.box) for find, place in zip(surest, taken, strict=True) if place < 0]
        named = [(white[place][1], find.label) for find, place in zip(surest, taken, strict=True) if place >= 0]
        pairs.update(pair for pair in named if pair[0] != WHITE_CELL)
    right = sum(number for (true, said), number in pairs.items() if true == said)
    return FieldScore(
        recall=wilson(hits, hits + len(missed)),
        precision=wilson(hits, hits + len(extra)),
        right=wilson(right, pairs.total()),
        confusion=tuple((true, said, number) for (true, said), number in sorted(pairs.items())),
        missed=tuple(missed),
        extra=tuple(extra),
        left_out=left_out,
    )
