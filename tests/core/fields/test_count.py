"""The differential count against slow definitions: Wilson's width by trying every number, Rümke's limits by binomial
tails."""

from __future__ import annotations

import pytest
from scipy.stats import binom

from core.errors import InputError
from core.evaluation.intervals import wilson
from core.fields.count import cells_for_width, differential, rumke_table, wilson_width

PUBLISHED = {  # rows of the table as laboratories print it: 100, 200, 500 and 1,000 cells
    0: ((0, 4), (0, 2), (0, 1), (0, 1)),
    1: ((0, 6), (0, 4), (0, 3), (0, 2)),
    5: ((1, 12), (2, 10), (3, 8), (3, 7)),
}


def test_counts_shares_and_classes_that_are_not_ours() -> None:
    rows = {row.label: row for row in differential(["a", "a", "blast", "b"], ("a", "b", "c"), 0.5)}
    assert list(rows) == ["a", "b", "c", "blast"]
    assert [row.number for row in rows.values()] == [2, 1, 0, 1]
    assert rows["a"].share == wilson(2, 4) and rows["c"].share.value == 0


def test_nothing_counted_has_no_share() -> None:
    row = differential([], ("a",), 0.1)[0]
    assert (row.number, row.share.defined, row.to_count) == (0, False, None)


@pytest.mark.parametrize(("hits", "of"), [(0, 20), (1, 7), (10, 20), (19, 20), (400, 1000)])
def test_the_width_is_that_of_the_interval(hits: int, of: int) -> None:
    found = wilson(hits, of)
    assert found.low is not None and found.high is not None
    assert wilson_width(hits / of, of) == pytest.approx(found.high - found.low, abs=1e-9)


@pytest.mark.parametrize(("share", "width"), [(0.0, 0.1), (0.5, 0.2), (0.02, 0.05), (1.0, 0.3), (0.3, 0.9)])
def test_the_fewest_cells_are_found_by_trying_all(share: float, width: float) -> None:
    slow = next(cells for cells in range(1, 10_000) if wilson_width(share, cells) <= width)
    assert cells_for_width(share, width) == slow


def test_what_is_still_to_count_makes_the_interval_narrow_enough() -> None:
    row = differential(["a"] * 5 + ["b"] * 5, ("a", "b"), 0.2)[0]
    assert row.to_count is not None
    whole = 10 + row.to_count + row.to_count % 2
    told = wilson(whole // 2, whole)
    assert told.low is not None and told.high is not None and told.high - told.low <= 0.2
    assert differential(["a"] * 500, ("a",), 0.2)[0].to_count == 0
    assert differential(["a", "b"], ("a",), 1e-6)[0].to_count is None


@pytest.mark.parametrize("width", [0.0, 1.0, -1.0, float("nan")])
def test_a_width_that_is_none_is_refused(width: float) -> None:
    with pytest.raises(InputError, match="between 0 and 100"):
        cells_for_width(0.5, width)


def test_the_table_is_the_published_one_and_the_exact_binomial_one() -> None:
    rows = {row.percent: row.limits for row in rumke_table()}
    assert {percent: rows[percent] for percent in PUBLISHED} == PUBLISHED
    for percent, limits in rows.items():
        for cells, (low, high) in zip((100, 200, 500, 1000), limits, strict=True):
            hits = round(percent * cells / 100)
            if (
                low
            ):  # at the limit itself, so many cells or more are rarer than 2.5 %; at the next per cent they are not
                assert binom.sf(hits - 1, cells, low / 100) <= 0.025 < binom.sf(hits - 1, cells, (low + 1) / 100)
            assert binom.cdf(hits, cells, high / 100) <= 0.025 < binom.cdf(hits, cells, (high - 1) / 100)
