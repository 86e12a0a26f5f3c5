"""Finds against annotations: which belong to which picture, and recall, precision and confusion counted by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import InputError
from core.evaluation.intervals import wilson
from core.fields.annotations import AnnotatedBox, AnnotatedPhotograph
from core.fields.truth import CountedPicture, belongs_to, score_fields

HERE = [CountedPicture("smear.PNG", "ab" * 32, 400, 300), CountedPicture("other.jpg", "cd" * 32, 90, 80)]
TRUTH = AnnotatedPhotograph("smear.png", 400, 300, ())


def test_annotations_find_their_picture() -> None:
    assert belongs_to(TRUTH, HERE)[0] == 0
    assert belongs_to(replace(TRUTH, name="renamed.tif", sha256="cd" * 32), HERE)[0] == 1


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (replace(TRUTH, name="third.png"), "another picture: “third.png”. Here are “smear.PNG”, “other.jpg”"),
        (replace(TRUTH, width=800), "of 800 x 300 px; the one here has 400 x 300"),
    ],
)
def test_annotations_of_another_picture_are_refused(truth: AnnotatedPhotograph, words: str) -> None:
    with pytest.raises(InputError, match=words):
        belongs_to(truth, HERE)


def test_scores_are_those_counted_by_hand() -> None:
    def box(left: int, label: str, score: float = 1.0) -> AnnotatedBox:
        return AnnotatedBox((left, 0, left + 100, 100), label, score=score)

    truth = replace(
        TRUTH,
        width=2000,
        boxes=(
            box(0, "NEU"),
            box(200, "monocyte"),
            box(400, "WBC"),
            box(600, "lymphocyte"),
            box(800, "Platelets"),
        ),
    )
    found = [
        box(10, "neutrophil", 0.6),
        box(5, "monocyte", 0.9),  # surer: takes the neutrophil, and the find before is one too many
        box(230, "monocyte"),  # overlap 70 / 130 = 0.54
        box(420, "basophil"),  # of no annotated class
        box(640, "lymphocyte"),  # overlap 60 / 140 = 0.43: not found
        box(800, "eosinophil"),  # a platelet
    ]
    score = score_fields([found], [truth])
    assert score.recall == wilson(3, 4) and score.precision == wilson(3, 6) and score.right == wilson(1, 2)
    assert score.confusion == (("monocyte", "monocyte", 1), ("neutrophil", "monocyte", 1))
    assert score.missed == ((0, (600, 0, 700, 100)),) and len(score.extra) == 3 and score.left_out == 1


def test_without_annotated_cells_there_is_no_recall() -> None:
    score = score_fields([[]], [TRUTH])
    assert not score.recall.defined and not score.precision.defined
