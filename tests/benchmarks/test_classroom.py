"""The delays of a simulated class, from presses and from what was seen."""

from __future__ import annotations

import pytest

from benchmarks.classroom.command import Lesson, Seen


def test_a_vote_is_seen_with_the_first_number_that_counts_it() -> None:
    teacher = Seen()
    teacher.hear("<p>Cell 1 of 2: <strong>Vote</strong></p>", 10.0)
    for moment, words in ((11.0, ">0 of 3 voted<"), (12.5, ">2 of 3 voted<"), (14.0, ">3 of 3 voted<")):
        teacher.hear(words, moment)
    teacher.hear("<p>Cell 1 of 2: <strong>Vote again</strong></p>", 20.0)
    teacher.hear(">1 of 3 voted<", 21.0)
    lesson = Lesson(teacher, [], votes={(0, "vote"): [12.0, 11.0, 13.0], (0, "again"): [20.5, 20.9]})
    assert lesson.vote_delays() == pytest.approx([1.5, 0.5, 1.0, 0.5])  # the last one was never counted


def test_a_step_is_seen_once_and_may_be_missed() -> None:
    ann, bob = Seen(), Seen()
    ann.hear("Cell 1 of 2: <strong>Look</strong>", 1.5)
    ann.hear("Cell 1 of 2: <strong>Look</strong>", 3.0)
    bob.hear("Cell 2 of 2: <strong>Look</strong>", 9.0)
    lesson = Lesson(Seen(), [ann, bob], steps={(0, "look"): 1.0, (1, "look"): 8.0})
    assert lesson.step_delays() == pytest.approx([0.5, 1.0]) and lesson.unseen_steps() == 2


def test_what_tells_the_way_is_heard() -> None:
    seen = Seen()
    seen.hear("?class=KQ7RDM&key=abc", 0.0)
    seen.hear("The vote on cell 1 has closed: what you said before stands.", 1.0)
    seen.hear("Monday: report</p>", 2.0)
    assert (seen.code, seen.refused, seen.over, seen.faults) == ("KQ7RDM", 1, True, [])
