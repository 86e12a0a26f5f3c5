"""The figures of a session against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.teaching.ballots import Vote
from core.teaching.statistics import (
    SessionData,
    discrimination,
    most_disputed,
    pairs_that_differ,
    session_figures,
)

CLASSES = ("a", "b", "c")
BEFORE = ("aab", "abb", "bbc", "aac")  # by student, the votes on three cells
AFTER = ("abb", "bbb", "bbb", "aa.")
TRUTH = ("a", "b", "c")
MODEL = ("b", "b", "b")  # right on the second cell alone


def made_up() -> SessionData:
    votes = [
        Vote(student + 1, cell, number, label, 2)
        for number, rows in ((1, BEFORE), (2, AFTER))
        for student, row in enumerate(rows)
        for cell, label in enumerate(row)
        if label != "."
    ]
    return SessionData.of(votes, TRUTH, {"net": MODEL}, 4, CLASSES)


def test_accuracy_before_and_after() -> None:
    every, *classes = session_figures(made_up()).accuracy
    assert (every.before.value, every.before.of) == (pytest.approx(7 / 12), 12)
    # The fourth student did not vote again on the third cell, on which others did: the first vote, c, stands.
    assert (every.after.value, every.after.of) == (pytest.approx(6 / 12), 12)
    assert [one.label for one in classes] == ["a", "b", "c"]
    assert [one.before.value for one in classes] == [0.75, 0.5, 0.5]
    assert [one.after.value for one in classes] == [0.5, 0.75, 0.25]


def test_reliance_counts_those_who_followed() -> None:
    (found,) = session_figures(made_up()).reliance
    assert found.right.value == pytest.approx(1 / 3)
    # Right before on a cell that the model gets wrong: students 1, 2, 4 on cell 1, 3 and 4 on cell 3.
    assert (found.pulled_over.of, found.pulled_over.value) == (5, 0.4)
    # Wrong before on cell 2: students 1 and 4; the first took the model's answer.
    assert (found.helped.of, found.helped.value) == (2, 0.5)


def test_cells_say_who_changed_and_whether_for_better() -> None:
    first, second, third = session_figures(made_up()).cells
    assert (first.changed, first.better, first.worse) == (1, 0, 1)
    assert (second.changed, second.better, second.worse) == (1, 1, 0)
    assert (third.changed, third.better, third.worse) == (1, 0, 1)
    assert [cell.carried for cell in (first, second, third)] == [0, 0, 1]
    assert first.consensus == ("a", None) and second.consensus == (None, "b") and third.models == {"net": "b"}
    assert first.votes[0] == {"a": 3, "b": 1, "c": 0}
    assert first.disagreement == pytest.approx(0.5) and second.disagreement == pytest.approx(4 / 6)
    assert [cell.position for cell in most_disputed(session_figures(made_up()))] == [1, 2, 0]


def test_pairs_that_differ() -> None:
    assert pairs_that_differ([3, 0]) == 0 and pairs_that_differ([1, 1, 1]) == 1 and pairs_that_differ([1, 0]) is None


def test_discrimination_is_the_corrected_item_total_correlation() -> None:
    random = np.random.default_rng(3)
    skill, ease = random.random((30, 1)), random.random((1, 8))
    right = random.random((30, 8)) < 0.5 * (skill + ease)
    votes = np.where(right, 0, 1)
    data = SessionData(("a", "b"), (votes, votes), np.zeros(8, dtype=np.int64), {}, np.zeros((30, 8), dtype=bool))
    for place in range(8):
        others = np.delete(right, place, axis=1).sum(axis=1)
        assert discrimination(data, place) == pytest.approx(np.corrcoef(right[:, place], others)[0, 1])


def test_a_deck_without_truth_is_a_poll() -> None:
    votes = [Vote(number, cell, 1, "ab"[number % 2], 1) for number in (1, 2, 3) for cell in (0, 1)]
    figures = session_figures(SessionData.of(votes, [None, None], {}, 3, CLASSES))
    assert figures.accuracy[0].before.value is None and figures.agreement[0].truth.value is None
    assert figures.agreement[0].krippendorff.value is not None
    assert [cell.discrimination for cell in figures.cells] == [None, None]
    assert figures.cells[0].consensus[0] == "b" and figures.cells[0].right[0].value is None


def test_first_votes_do_not_stand_where_nobody_voted_again() -> None:
    votes = [Vote(number, cell, 1, "a", 2) for number in (1, 2) for cell in (0, 1)] + [Vote(1, 0, 2, "b", 2)]
    figures = session_figures(SessionData.of(votes, ["a", "a"], {}, 2, CLASSES))
    assert [cell.carried for cell in figures.cells] == [1, 0]
    assert (figures.accuracy[0].after.value, figures.accuracy[0].after.of) == (0.5, 2)


def test_nobody_and_nothing() -> None:
    figures = session_figures(SessionData.of([], ["a"], {"net": [None]}, 0, CLASSES))
    assert figures.agreement == () and figures.cells[0].consensus == (None, None)
