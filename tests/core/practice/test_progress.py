"""One's own figures: counted against a slow count, Wilson's interval against its formula, and hostile texts."""

from __future__ import annotations

import json
import math
import random
from collections import Counter

import pytest

from core.classes import CLASSES
from core.errors import InputError
from core.practice.progress import MOST_MODELS_KEPT, MOST_PARTS, PracticeProgress, Tally, accuracy_by_class


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


def answered(record: PracticeProgress, times: int = 1) -> PracticeProgress:
    """With a basophil that was taken for a monocyte, while a model named it right."""
    for _ in range(times):
        record = record.with_change(
            True, lambda tally: tally.counted("basophil", "monocyte", True).with_model("toy", "basophil", "basophil")
        )
    return record


def test_what_is_written_is_read_and_two_browsers_add_up() -> None:
    one, other = answered(PracticeProgress(), 2), answered(PracticeProgress(), 3)
    assert PracticeProgress.from_text(one.to_text()) == one and not one.empty and PracticeProgress().empty
    both = one.joined_with(PracticeProgress.from_text(other.to_text().encode()))
    assert both.simulated.own[0][3] == 5 and both.simulated.models["toy"][0][0] == 5
    assert both.photographs == Tally() and both.here == one.here


def test_the_same_file_counts_once_however_often_it_is_joined() -> None:
    here, saved = answered(PracticeProgress(), 2), answered(PracticeProgress(), 3)
    joined = here.joined_with(saved).joined_with(saved)
    assert joined.simulated.own[0][3] == 5 and joined.joined_with(here) == joined
    further = answered(joined)  # one's own file comes back after more was answered: nothing is lost, nothing is twice
    assert further.joined_with(here).simulated.own[0][3] == 6
    assert answered(saved, 4).joined_with(further).simulated.own[0][3] == 7 + 3


def test_what_was_answered_before_the_storage_was_read_is_added() -> None:
    kept, since = answered(PracticeProgress(), 2), answered(PracticeProgress())
    found = kept.continued_with(since)
    assert found.simulated.own[0][3] == 3 and list(found.parts) == [kept.here]
    assert kept.continued_with(PracticeProgress()) == kept


def test_a_record_of_too_many_browsers_is_refused() -> None:
    record = PracticeProgress()
    for _ in range(MOST_PARTS):
        record = record.joined_with(answered(PracticeProgress()))
    with pytest.raises(InputError, match="16 browsers"):
        record.joined_with(answered(PracticeProgress()))


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
        '{"format": 1}',
        '{"here": "../../x"}',
        '{"parts": {"me": {}}}',
        '{"parts": {"0123456789abcdef": {"simulated": {"own": [[1]]}}}}',
        '{"parts": {"0123456789abcdef": {"simulated": {"returned": -1}}}}',
        '{"parts": {"0123456789abcdef": {"simulated": {"returned": 1e99}}}}',
        '{"parts": {"0123456789abcdef": {"simulated": {"returned": true}}}}',
        '{"parts": {"0123456789abcdef": {"simulated": {"models": {"<img src=x>": []}}}}}',
        '{"unknown": 1}',
        "[" * 5000,
        " " * 600_000,
        b"\xff\xfe",
    ],
)
def test_a_text_that_is_no_record_is_refused_in_a_sentence(text: str | bytes) -> None:
    with pytest.raises(InputError, match="no record of practice"):
        PracticeProgress.from_text(text)


def test_counts_stop_at_their_limit() -> None:
    one = PracticeProgress().with_change(True, lambda tally: tally.counted("basophil", "basophil", True))
    record = json.loads(one.to_text())
    record["parts"][one.here]["simulated"]["own"][0][0] = 1_000_000
    full = PracticeProgress.from_text(json.dumps(record))
    assert full.joined_with(one.model_copy(update={"parts": {"0" * 16: one.parts[one.here]}})).simulated.own[0][0] == (
        1_000_000
    )
    assert full.simulated.counted("basophil", "basophil", True).own[0][0] == 1_000_000
