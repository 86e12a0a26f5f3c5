"""A reader's corrections: each does what it says, none changes an earlier state, and all can be taken back."""

from __future__ import annotations

import random

import pytest

from core.errors import InputError
from core.fields.cells import FieldCell
from core.fields.review import FieldReview, box_around

FOUND = tuple(FieldCell(number, (10 * number, 5, 10 * number + 20, 25), 0.9, False) for number in (1, 2, 3))
START = FieldReview(FOUND, (60, 100))


def test_each_correction_does_what_it_says() -> None:
    review = START.deleted(1).relabelled(2, "monocyte").not_white(3).with_added((50, 30, 90, 70))
    assert [(one.cell.number, one.label, one.white, one.added) for one in review.cells] == [
        (2, "monocyte", True, False),
        (3, "", False, False),
        (4, "", True, True),
    ]
    assert review.of(4).cell.box == (50, 30, 90, 60)  # cut at the border
    assert [one.cell.number for one in review.counted] == [2, 4]
    assert START.cells == START.counted and len(START.cells) == 3


def test_a_name_makes_a_find_white_again() -> None:
    assert START.not_white(1).relabelled(1, "basophil").of(1).white


def test_history_runs_back_and_forth_and_a_new_step_ends_the_undone() -> None:
    review = START.deleted(1).deleted(2)
    assert review.undo().undo() == FieldReview(FOUND, (60, 100), (), tuple(reversed(review.done)))
    assert review.undo().undo().redo().redo() == review and review.redo() == review and START.undo() == START
    other = review.undo().relabelled(3, "monocyte")
    assert other.redo() == other and [one.cell.number for one in other.cells] == [2, 3]


def test_random_walks_end_where_a_plain_list_of_states_ends() -> None:
    rng = random.Random(4)
    for _ in range(30):
        review, states, at = START, [START.cells], 0
        for _ in range(40):
            step = rng.choice(("undo", "redo", "edit", "edit"))
            if step == "undo":
                review, at = review.undo(), max(0, at - 1)
            elif step == "redo":
                review, at = review.redo(), min(len(states) - 1, at + 1)
            else:
                numbers = [one.cell.number for one in review.cells]
                number = rng.choice(numbers) if numbers else 0
                ways = [lambda r: r.with_added((1, 1, 20, 20))]
                if numbers:
                    ways += [lambda r, n=number: r.deleted(n), lambda r, n=number: r.relabelled(n, "monocyte")]
                review = rng.choice(ways)(review)
                states, at = [*states[: at + 1], review.cells], at + 1
            assert review.cells == states[at]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: START.deleted(9), "no cell 9"),
        (lambda: START.deleted(1).relabelled(1, "monocyte"), "no cell 1"),
        (lambda: START.relabelled(1, "<b>"), "A class has a name"),
        (lambda: START.with_added((200, 0, 300, 40)), "outside the photograph"),
    ],
)
def test_what_cannot_be_is_refused(change, words: str) -> None:
    with pytest.raises(InputError, match=words):
        change()


def test_a_click_makes_a_box_of_the_usual_size() -> None:
    assert box_around(50, 30, START) == (40, 20, 60, 40)
    assert box_around(0, 0, START) == (0, 0, 10, 10)
    assert box_around(50, 50, FieldReview((), (100, 100))) == (44, 44, 56, 56)
