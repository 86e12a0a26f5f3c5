"""What auditors say: nothing is overwritten, the newest counts, and whoever was overtaken is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.audit import journal as journals
from core.audit.findings import Remark
from core.audit.journal import KEPT, Journal, Overtaken, moment_of
from core.errors import InputError

MARK = "performance/resnet50/accuracy"


def remark(words: str = "", decision: str = "", who: str = "") -> Remark:
    return Remark.model_validate({"mark": MARK, "words": words, "decision": decision, "who": who})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "audits.db")


def test_the_newest_counts_and_all_before_stays(journal: Journal) -> None:
    first = journal.say("walk", remark("too few", "flagged", "A"), 0, moment=1e9)
    second = journal.say("walk", remark("enough after all", "accepted", "B"), first.number, moment=1e9 + 60)
    assert journal.said("walk") == {MARK: second} and journal.said("another") == {}
    assert journal.history("walk", MARK) == [first, second]
    assert second.when == "2001-09-09 01:47 UTC" and second.as_remark().who == "B"


def test_the_same_again_is_no_new_entry(journal: Journal) -> None:
    first = journal.say("walk", remark("too few"), 0)
    assert journal.say("walk", remark("too few"), 0) == first and len(journal.history("walk", MARK)) == 1


def test_whoever_was_overtaken_is_told_and_nothing_is_lost(journal: Journal) -> None:
    theirs = journal.say("walk", remark("theirs", who="B"), 0)
    with pytest.raises(Overtaken, match="B said something else") as told:
        journal.say("walk", remark("mine"), 0)
    assert told.value.entry == theirs and journal.said("walk")[MARK] == theirs
    mine = journal.say("walk", remark("mine"), theirs.number)
    assert journal.history("walk", MARK) == [theirs, mine]


def test_taking_back_is_an_entry_too(journal: Journal) -> None:
    said = journal.say("walk", remark("too few"), 0)
    assert journal.say("walk", remark(), said.number).empty and len(journal.history("walk", MARK)) == 2


def test_a_reports_remarks_join_where_nobody_spoke(journal: Journal) -> None:
    journal.say("walk", remark("mine"), 0)
    other = remark("theirs").model_copy(update={"mark": "data//balance"})
    assert journal.take_over("walk", [remark("theirs"), remark("theirs too"), other]) == 1
    assert {mark: entry.words for mark, entry in journal.said("walk").items()} == {
        MARK: "mine",
        "data//balance": "theirs",
    }


def test_a_reports_remarks_keep_who_and_when_however_old(journal: Journal) -> None:
    old = remark("look", who="Ann").model_copy(update={"when": "2019-01-02 03:04 UTC"})
    assert journal.take_over("walk", [old]) == 0
    assert journal.said("walk")[MARK].as_remark() == old
    assert moment_of("yesterday") == pytest.approx(time.time(), abs=5)


def test_old_walks_go_and_full_ones_are_told(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.say("old", remark("long ago"), 0, moment=1e9)
    journal.say("new", remark("now"), 0, moment=1e9 + KEPT + 1)
    assert journal.said("old") == {} and len(journal.said("new")) == 1
    monkeypatch.setattr(journals, "MOST_ENTRIES", 1)
    with pytest.raises(InputError, match="not kept"):
        journal.say("new", remark("again"), None, moment=1e9 + KEPT + 2)
