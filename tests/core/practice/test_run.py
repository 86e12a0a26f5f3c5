"""The queue of a run: what was missed comes back after other cells, first looks count once, draws give nothing away."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from scipy.stats import chisquare

from core.classes import CLASSES
from core.errors import InputError
from core.practice.run import GAP, begin_practice, practice_cells

TRUTHS = ("basophil", "eosinophil", "lymphocyte", "monocyte", "neutrophil", "basophil", "monocyte")


def test_a_missed_cell_comes_back_after_four_others_and_a_right_one_does_not() -> None:
    run = begin_practice(TRUTHS).answered("monocyte")
    order = []
    while run.now is not None:
        order.append(run.now)
        run = run.answered(TRUTHS[run.now])
    assert order == [1, 2, 3, 4, 0, 5, 6] and GAP == 4
    assert [answer.first for answer in run.given] == [True] * 5 + [False] + [True] * 2


def test_it_comes_back_until_it_is_right_and_sooner_where_few_are_left() -> None:
    run = begin_practice(("basophil", "monocyte"))
    run = run.answered("monocyte").answered("monocyte")
    assert (run.now, run.missed) == (0, 1)
    run = run.answered("neutrophil").answered("neutrophil")
    assert (run.now, run.missed) == (0, 1)
    run = run.answered("basophil")
    assert run.now is None and sum(answer.first for answer in run.given) == 2
    with pytest.raises(InputError, match="over"):
        run.answered("basophil")


def test_a_skipped_cell_counts_for_nothing() -> None:
    run = begin_practice(TRUTHS).skipped()
    assert run.now == 1 and run.given == ()


def test_a_run_needs_cells_of_the_five_classes() -> None:
    with pytest.raises(InputError, match="from 1 to 100"):
        begin_practice(())
    with pytest.raises(InputError, match="blast"):
        begin_practice(("basophil", "blast"))


def test_the_same_seed_draws_the_same_cells_and_no_two_runs_share_any() -> None:
    first, second = practice_cells(5, 100), practice_cells(6, 100)
    assert practice_cells(5, 10) == first[:10]
    assert not {cell.seed for cell in first} & {cell.seed for cell in second}
    assert min(cell.seed for cell in practice_cells(0, 1)) > 10**9, "far from the seeds of gallery and training"
    with pytest.raises(InputError, match="100"):
        practice_cells(0, 101)
    with pytest.raises(InputError, match="seed"):
        practice_cells(-1, 10)


def test_classes_are_alike_and_the_one_before_tells_nothing_of_the_next() -> None:
    labels = [cell.label for run in range(20) for cell in practice_cells(run, 100)]
    assert chisquare([labels.count(name) for name in CLASSES]).pvalue > 0.001
    pairs = Counter(pairwise(labels))
    assert chisquare([pairs[first, second] for first in CLASSES for second in CLASSES]).pvalue > 0.001
