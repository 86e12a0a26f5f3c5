"""Sessions and votes: steps go forward once, late votes are refused, a killed process loses nothing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import InputError
from core.teaching import ballots as voting
from core.teaching.ballots import Ballots, VoteClosed, clean_nickname
from core.teaching.deck import DeckCell
from core.teaching.steps import AGAIN, LOBBY, MODELS, STEPS, TRUTH, VOTE, ClassSettings, following
from core.teaching.store import ALPHABET, GRACE, KEPT, ClassSession, ClassStore, ModelAnswer, read_code

DECK = [DeckCell(b"png-1", "monocyte", "one"), DeckCell(b"png-2", None, "two")]
WHOLE = ClassSettings(("net",), ("gradcam",))
DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> ClassStore:
    return ClassStore(tmp_path / "classes.db")


def opened(store: ClassStore, moment: float | None = None, owner: str = "me") -> ClassSession:
    return store.open_session("  A \n class ", DECK, WHOLE, owner, moment=moment)


def at(store: ClassStore, session: ClassSession, step: str) -> ClassSession:
    """Go on until that step."""
    now = store.session(session.code)
    while now.step != step or now.position == LOBBY:
        now = store.go_on(session.code, session.key, now.tick)
    return now


def test_a_session_goes_through_all_steps_once(store: ClassStore) -> None:
    session = opened(store)
    assert session.title == "A class" and session.lobby and set(session.code) <= set(ALPHABET)
    seen = []
    while not session.ended:
        session = store.go_on(session.code, session.key, session.tick)
        seen.append((session.position, session.step))
    assert seen == [(cell, step) for cell in range(2) for step in STEPS] + [(1, TRUTH)]
    assert store.go_on(session.code, session.key, session.tick).tick == session.tick


def test_a_key_pressed_twice_goes_one_step(store: ClassStore) -> None:
    session = opened(store)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store.go_on(session.code, session.key, 0).tick, range(8)))
    assert set(found) == {1} and store.session(session.code).tick == 1


def test_steps_follow_the_settings() -> None:
    assert ClassSettings().steps == ("look", "vote", "truth")
    assert ClassSettings(("net",)).steps == ("look", "vote", "models", "again", "truth")
    assert ClassSettings.from_json(WHOLE.to_json()) == WHOLE
    assert following(0, TRUTH, ClassSettings().steps, 1) is None


def test_truth_at_once_and_the_end(store: ClassStore) -> None:
    session = opened(store)
    assert store.go_on(session.code, session.key, session.tick, TRUTH).lobby
    session = store.go_on(session.code, session.presenter, session.tick)
    session = store.go_on(session.code, session.presenter, session.tick, TRUTH)
    assert (session.position, session.step) == (0, TRUTH)
    assert store.go_on(session.code, session.key, session.tick, "end").ended


def test_only_the_teachers_links_lead(store: ClassStore) -> None:
    session = opened(store)
    student = Ballots(store).join(session.code, "Ann")
    for token in ("", student.token, session.code, "é"):
        with pytest.raises(InputError, match="Only the teacher"):
            store.go_on(session.code, token, 0)
        with pytest.raises(InputError, match="Only the teacher"):
            store.delete(session.code, token)
    with pytest.raises(InputError, match="Only the teacher"):
        store.delete(session.code, session.presenter)
    store.delete(session.code, session.key)
    with pytest.raises(InputError, match="There is no session"):
        store.session(session.code)
    with store.database.reading() as connection:
        assert connection is not None
        assert [connection.execute(f"select count(*) from {one}").fetchone()[0]
                for one in ("sessions", "cells", "participants", "votes")] == [0] * 4  # fmt: skip


def test_votes_count_in_their_step_alone(store: ClassStore) -> None:
    session, ballots = opened(store), Ballots(store)
    ann, bob = ballots.join(session.code, "Ann"), ballots.join(session.code, "Bob")
    with pytest.raises(VoteClosed):
        ballots.vote(session.code, ann.token, 0, VOTE, "monocyte")
    at(store, session, VOTE)
    ballots.vote(session.code, ann.token, 0, VOTE, "monocyte", 1)
    ballots.vote(session.code, ann.token, 0, VOTE, "basophil", 3)
    ballots.vote(session.code, bob.token, 0, VOTE, "monocyte")
    assert ballots.counts(session.code, 0) == {0: 2, 1: 2, 2: 0}
    at(store, session, MODELS)
    with pytest.raises(VoteClosed, match="what you said before stands"):
        ballots.vote(session.code, ann.token, 0, VOTE, "neutrophil")
    with pytest.raises(VoteClosed):
        ballots.vote(session.code, ann.token, 0, "again", "neutrophil")
    assert ballots.tally(session.code, 0)[1] == {"basophil": 1, "monocyte": 1}
    assert ballots.own_votes(session.code, ann.token, 0)[1].sureness == 3


@pytest.mark.parametrize(
    ("token", "label", "sureness", "told"),
    [
        ("nobody", "monocyte", 2, "Only those who joined"),
        ("", "<b>cell</b>", 2, "not among those"),
        ("", "monocyte", 7, "no vote"),
    ],
)
def test_votes_that_are_none(store: ClassStore, token: str, label: str, sureness: int, told: str) -> None:
    session, ballots = opened(store), Ballots(store)
    own = ballots.join(session.code, "Ann").token
    at(store, session, VOTE)
    with pytest.raises(InputError, match=told):
        ballots.vote(session.code, token or own, 0, VOTE, label, sureness)
    assert ballots.votes(session.code) == []


def test_a_student_of_another_session_cannot_vote(store: ClassStore) -> None:
    session, other, ballots = opened(store), opened(store), Ballots(store)
    stranger = ballots.join(other.code, "Eve")
    at(store, session, VOTE)
    with pytest.raises(InputError, match="Only those who joined"):
        ballots.vote(session.code, stranger.token, 0, VOTE, "monocyte")
    assert ballots.participant(session.code, stranger.token) is None


def test_votes_of_many_at_once_are_all_kept(store: ClassStore) -> None:
    session, ballots = opened(store), Ballots(store)
    with ThreadPoolExecutor(8) as pool:
        people = list(pool.map(lambda number: ballots.join(session.code, f"S{number}"), range(40)))
        at(store, session, VOTE)
        list(pool.map(lambda one: ballots.vote(session.code, one.token, 0, VOTE, "monocyte"), people))
    assert sorted(one.number for one in people) == list(range(1, 41))
    assert ballots.counts(session.code, 0)[1] == 40


def test_limits_are_told(store: ClassStore, monkeypatch: pytest.MonkeyPatch) -> None:
    session, ballots = opened(store), Ballots(store)
    monkeypatch.setattr(voting, "MOST_JOINING", 2)
    monkeypatch.setattr(voting, "MOST_CHANGES", 3)
    ann = ballots.join(session.code, "Ann", moment=1000.0)
    ballots.join(session.code, "Bob", moment=1001.0)
    with pytest.raises(InputError, match="Too many are joining"):
        ballots.join(session.code, "Cid", moment=1002.0)
    ballots.join(session.code, "Cid", moment=1100.0)
    ballots.join(session.code, "Dan", moment=10.0)  # a clock that went back shuts nobody out
    monkeypatch.setattr(voting, "MOST_STUDENTS", 4)
    with pytest.raises(InputError, match="full"):
        ballots.join(session.code, "Eve", moment=5000.0)
    at(store, session, VOTE)
    for _ in range(4):
        ballots.vote(session.code, ann.token, 0, VOTE, "monocyte")
    with pytest.raises(InputError, match="too often"):
        ballots.vote(session.code, ann.token, 0, VOTE, "basophil")
    assert ballots.tally(session.code, 0)[1] == {"monocyte": 1}


def test_nicknames_are_bounded_and_cleaned(store: ClassStore) -> None:
    assert clean_nickname("  Ann\n\u202e Lee\x00 ") == "Ann Lee"
    assert clean_nickname("<b>Al</b>") == "<b>Al</b>"  # escaped where it is shown
    assert len(clean_nickname("z" + "\u0301" * 500)) <= 4
    for long in ("x" * 25, "x" * 10_000):
        with pytest.raises(InputError, match="at most 24 letters"):
            clean_nickname(long)
    session, ballots = opened(store), Ballots(store)
    assert [ballots.join(session.code, name).nickname for name in ("", "Ann", "Ann")] == ["Student 1", "Ann", "Ann (3)"]


@pytest.mark.parametrize("text", ["", "12345", "ABCDEF", "KQ7RD0", "KQ7RDM7", "x" * 10_000, "'; --"])
def test_codes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="A code has 6"):
        read_code(text)


def test_codes_as_people_type_them(store: ClassStore) -> None:
    assert read_code(" kq7-rdm ") == "KQ7RDM"
    with pytest.raises(InputError, match="There is no session KQ7RDM"):
        store.session("KQ7RDM")
    assert store.sessions_of("me") == [] and not store.database.path.exists()


def test_sessions_go_after_30_days_and_a_day_of_grace(store: ClassStore) -> None:
    old, used = opened(store, moment=0.0), opened(store, moment=KEPT)
    store.sweep(KEPT + 1)
    store.sweep(KEPT + GRACE - 10)
    assert {one.code for one in store.sessions_of("me")} == {old.code, used.code}
    store.sweep(KEPT + GRACE + 1)
    assert [one.code for one in store.sessions_of("me")] == [used.code]


def test_a_clock_that_jumps_deletes_nothing(store: ClassStore) -> None:
    """A year ahead for an hour, back again, and a day later."""
    session = opened(store, moment=1000 * DAY)
    for day in (1365, 1365.04, 1000.1, 1001.2, 1003):
        store.sweep(day * DAY)
    assert store.session(session.code).code == session.code
    assert [one.title for one in store.sessions_of("me")] == ["A class"]


def test_a_browser_takes_part_once(store: ClassStore) -> None:
    session, other = opened(store), opened(store)
    ballots = Ballots(store)
    first = ballots.join(session.code, "Ann", "browser")
    assert ballots.join(session.code, "Bob", "browser") == first
    assert ballots.join(session.code, "Bob", "another").number == 2
    assert ballots.join(session.code, "", "").number == 3 and ballots.join(session.code, "", "").number == 4
    assert ballots.join(other.code, "Ann", "browser").token != first.token
    store.delete(session.code, session.key)
    with store.database.reading() as connection:
        assert connection is not None and connection.execute("select count(*) from browsers").fetchone()[0] == 1


def test_the_live_bars_let_first_votes_stand(store: ClassStore) -> None:
    session = opened(store)
    ballots = Ballots(store)
    people = [ballots.join(session.code, "") for _ in range(3)]
    at(store, session, VOTE)
    for one in people[:2]:
        ballots.vote(session.code, one.token, 0, VOTE, "monocyte")
    at(store, session, AGAIN)
    assert ballots.tally(session.code, 0) == {1: {"monocyte": 2}, 2: {}}
    ballots.vote(session.code, people[2].token, 0, AGAIN, "basophil")
    assert ballots.tally(session.code, 0)[2] == {"monocyte": 2, "basophil": 1}


def test_sessions_that_nobody_joined_give_way(store: ClassStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.teaching.store.MOST_SESSIONS", 2)
    used, unused = opened(store, moment=0.0), opened(store, moment=1.0, owner="b")
    Ballots(store).join(used.code, "Ann", moment=2.0)
    with pytest.raises(InputError, match="no room"):
        opened(store, moment=DAY - 10, owner="c")
    new = opened(store, moment=DAY + 10, owner="c")
    with pytest.raises(InputError, match="no session"):
        store.session(unused.code)
    assert store.session(used.code) and store.session(new.code)


@pytest.mark.parametrize(("limit", "most", "told"), [("MOST_AN_HOUR", 1, "within an hour"), ("MOST_BYTES", 15, "room")])
def test_disk_and_pace_of_all_sessions_are_bounded(
    store: ClassStore, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, told: str
) -> None:
    monkeypatch.setattr(f"core.teaching.store.{limit}", most)  # a deck here has ten bytes
    opened(store, moment=0.0)
    with pytest.raises(InputError, match=told):
        opened(store, moment=60.0, owner="another")
    if limit == "MOST_AN_HOUR":
        assert opened(store, moment=3700.0, owner="another")


def test_sessions_of_one_browser_are_bounded(store: ClassStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.teaching.store.MOST_OF_ONE", 2)
    for _ in range(2):
        opened(store)
    with pytest.raises(InputError, match="delete old ones"):
        opened(store)
    opened(store, owner="another")
    with pytest.raises(InputError, match="1 to 60 cells"):
        store.open_session("none", [], WHOLE, "you")


def test_answers_and_notes_are_kept(store: ClassStore) -> None:
    session = opened(store)
    answer = ModelAnswer("net", "Net", "monocyte", {"monocyte": 0.9, "basophil": 0.1})
    store.keep_answers(session.code, 1, [answer, ModelAnswer("bad", "Bad", "", {}, "no weights")])
    assert store.answers(session.code, 0) == {} and store.answers(session.code)[1][0] == answer
    store.note(session.code, session.presenter, 0, " look at the nucleus ")
    assert store.cell(session.code, 0).note == "look at the nucleus" and store.labels(session.code) == [
        "monocyte",
        None,
    ]
    with pytest.raises(InputError, match="no cell 8"):
        store.cell(session.code, 7)


def test_a_killed_server_comes_back_where_it_was(tmp_path: Path) -> None:
    """Another process opens a session, takes votes and is killed at once."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from core.teaching.store import ClassStore\n"
        "from core.teaching.ballots import Ballots\n"
        "from core.teaching.deck import DeckCell\n"
        "from core.teaching.steps import ClassSettings\n"
        "store = ClassStore(Path(sys.argv[1]))\n"
        "session = store.open_session('Class', [DeckCell(b'p', 'monocyte', 's')], ClassSettings(), 'me')\n"
        "ann = Ballots(store).join(session.code, 'Ann')\n"
        "for tick in range(2):\n"
        "    store.go_on(session.code, session.key, tick)\n"
        "Ballots(store).vote(session.code, ann.token, 0, 'vote', 'basophil')\n"
        "print(session.code, session.key, ann.token, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "classes.db"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[3])  # fmt: skip
    assert done.returncode == -9, done.stderr
    code, key, token = done.stdout.split()
    store = ClassStore(path)
    session = store.session(code)
    assert (session.position, session.step, session.tick) == (0, VOTE, 2) and session.leads(key)
    ballots = Ballots(store)
    assert ballots.own_votes(code, token, 0)[1].label == "basophil"
    ballots.vote(code, token, 0, VOTE, "monocyte")
    assert store.go_on(code, key, 2).step == TRUTH


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="LEUKOLENS_HOME"):
        opened(ClassStore(tmp_path / "file" / "classes.db"))
