"""One's own figures: counted against a slow count, Wilson's interval against its formula, and hostile texts."""

from __future__ import annotations

import json
import math
import random
from collections import Counter

import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.practice.progress import MOST_MODELS_KEPT, PracticeProgress, Tally, accuracy_by_class


def wilson_by_hand(hits: int, of: int) -> tuple[float, float]:
    """The interval as written in Wilson (1927)."""
    z, share = 1.959963984540054, hits / of
    centre = share + z * z / (2 * of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (centre - reach) / (1 + z * z / of), (centre + reach) / (1 + z * z / of)


def test_counts_and_intervals_are_those_of_a_slow_count() -> None:
    drawn = random.Random(3)
    given = [(drawn.choice(CLASSES), drawn.choice(CLASSES)) for _ in range(200)]
    tally = Tally()
    for true, named in given:
        tally = tally.counted(true, named, first=True).with_model("toy", named, true)
    counts = Counter(given)
    assert tally.own == tuple(tuple(counts[true, named] for named in CLASSES) for true in CLASSES)
    assert tally.models["toy"] == tuple(zip(*tally.own, strict=True))
    found = accuracy_by_class(tally.own)
    for name in CLASSES:
        hits, of = counts[name, name], sum(true == name for true, _ in given)
        assert (found[name].low, found[name].high) == pytest.approx(wilson_by_hand(hits, of))
    assert found["all"].value == sum(true == named for true, named in given) / 200
    assert accuracy_by_class(Tally().own)["all"].value is None


def test_a_cell_that_came_back_counts_apart() -> None:
    tally = Tally().counted("basophil", "monocyte", False).counted("basophil", "basophil", False)
    assert tally == Tally(returned=2, recovered=1)


def test_what_is_written_is_read_and_two_records_add_up() -> None:
    tally = Tally().counted("basophil", "monocyte", True).with_model("toy", "basophil", "basophil")
    one = PracticeProgress().with_tally(True, tally)
    assert PracticeProgress.from_text(one.to_text()) == one
    both = one.joined_with(PracticeProgress.from_text(one.to_text().encode()))
    assert both.simulated.own[0][3] == 2 and both.simulated.models["toy"][0][0] == 2
    assert both.photographs == Tally()


def test_classes_of_other_sets_and_models_too_many_are_left_out() -> None:
    tally = Tally().with_model("toy", "basophil", "blast")
    assert tally == Tally()
    for number in range(MOST_MODELS_KEPT + 5):
        tally = tally.with_model(f"m{number}", "basophil", "basophil")
    assert len(tally.models) == MOST_MODELS_KEPT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": 2}',
        '{"simulated": {"own": [[1]]}}',
        '{"simulated": {"returned": -1}}',
        '{"simulated": {"returned": 1e99}}',
        '{"simulated": {"returned": true}}',
        '{"simulated": {"models": {"<img src=x>": []}}}',
        '{"unknown": 1}',
        "[" * 5000,
        " " * 70_000,
        b"\xff\xfe",
    ],
)
def test_a_text_that_is_no_record_is_refused_in_a_sentence(text: str | bytes) -> None:
    with pytest.raises(InputError, match="no record of practice"):
        PracticeProgress.from_text(text)


def test_counts_stop_at_their_limit() -> None:
    record = json.loads(PracticeProgress().to_text())
    record["simulated"]["own"][0][0] = 1_000_000
    full = PracticeProgress.from_text(json.dumps(record))
    assert full.joined_with(full).simulated.own[0][0] == 1_000_000
    assert full.simulated.counted("basophil", "basophil", True).own[0][0] == 1_000_000
