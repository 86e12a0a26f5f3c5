"""Who takes part in a session, and their votes: one for each cell and round, changed at will until the step closes."""

from __future__ import annotations

import secrets
import sqlite3
import time
import unicodedata
from collections import Counter
from dataclasses import dataclass

from core.errors import InputError
from core.teaching.steps import ROUNDS, VOTE
from core.teaching.store import ClassSession, ClassStore, read_session

LONGEST_NICKNAME = 24
MARKS = 2  # combining marks that a letter of a nickname may carry: more run over the lines above
MOST_STUDENTS = 300  # of a session
MOST_JOINING = 150  # within a minute
MOST_CHANGES = 40  # of one vote
SURENESS = {1: "guessing", 2: "fairly sure", 3: "sure"}


class VoteClosed(InputError):
    """A vote that came after its step had closed."""


@dataclass(frozen=True)
class Participant:
    """Somebody who joined: `token` is theirs alone, `number` counts from 1 in the order of joining."""

    token: str
    number: int
    nickname: str


@dataclass(frozen=True)
class Vote:
    """One vote: of whom (their number), on which cell, before (1) or after (2) the models' answers."""

    number: int
    position: int
    round: int
    label: str
    sureness: int


def clean_nickname(text: str) -> str:
    """A nickname as it may be shown: composed, printable, blanks as one; "" for none. InputError where too long."""
    if len(text) > 1000:
        raise InputError(f"A nickname has at most {LONGEST_NICKNAME} letters; this one has {len(text):,}.")
    kept, marks = [], 0
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind.startswith("M") else 0
        if marks <= MARKS:
            kept.append(" " if kind.startswith(("C", "Z")) else letter)
    name = " ".join("".join(kept).split())
    if len(name) > LONGEST_NICKNAME:
        raise InputError(f"A nickname has at most {LONGEST_NICKNAME} letters; this one has {len(name):,}.")
    return name


class Ballots:
    """The participants and votes of a store's sessions."""

    def __init__(self, store: ClassStore) -> None:
        self._database = store.database

    def join(self, code: str, nickname: str, browser: str = "", moment: float | None = None) -> Participant:
        """Take part under a nickname; without one, or with one that is taken, a number makes it one's own.

        A `browser` takes part once: who joins from it again is who joined before. "" tells none from another.
        """
        name, now = clean_nickname(nickname), time.time() if moment is None else moment
        with self._database.writing() as connection:
            session = read_session(connection, code)
            if session.ended:
                raise InputError("This session has ended: nobody can join it any more.")
            before = _joined_from(connection, code, browser)
            if before is not None:
                return before
            number = _room_for_one(connection, code, now)
            there = {row[0] for row in connection.execute("select nickname from participants where code = ?", (code,))}
            own = name or f"Student {number}"
            own = own if own not in there else f"{own} ({number})"
            token = secrets.token_urlsafe(16)
            connection.execute("insert into participants values (?, ?, ?, ?, ?)", (token, code, number, own, now))
            if browser:
                connection.execute("insert into browsers values (?, ?, ?)", (code, browser, token))
            connection.execute("update sessions set touched = ?, doomed = null where code = ?", (now, code))
            return Participant(token, number, own)

    def participant(self, code: str, token: str) -> Participant | None:
        """Who joined this session under the token; None for nobody."""
        with self._database.reading() as connection:
            if connection is None:
                return None
            row = connection.execute("select * from participants where token = ? and code = ?", (token, code))
            found = row.fetchone()
        return None if found is None else Participant(found["token"], found["number"], found["nickname"])

    def participants(self, code: str) -> list[Participant]:
        """All who joined, in order."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute("select * from participants where code = ? order by number", (code,))
            return [Participant(row["token"], row["number"], row["nickname"]) for row in rows]

    def vote(self, code: str, token: str, position: int, step: str, label: str, sureness: int = 2) -> None:
        """Vote on a cell in a step, or change that vote; VoteClosed where the session is not there any more.

        Only who joined may; the step is looked up in the same piece of work that writes, so that no vote is late.
        """
        if sureness not in SURENESS or step not in ROUNDS:
            raise InputError("This is no vote: choose a class, and how sure you are.")
        with self._database.writing() as connection:
            session = read_session(connection, code)
            _check_vote(connection, session, token, position, step, label)
            facts = (code, position, ROUNDS[step], token)
            made = "select changes from votes where code = ? and position = ? and round = ? and token = ?"
            before = connection.execute(made, facts).fetchone()
            changes = 0 if before is None else before["changes"] + 1
            if changes > MOST_CHANGES:
                raise InputError("You changed this vote too often: it stays as it is.")
            now = time.time()
            values = (*facts, label, sureness, changes, now)
            connection.execute("insert or replace into votes values (?, ?, ?, ?, ?, ?, ?, ?)", values)
            connection.execute("update sessions set touched = ?, doomed = null where code = ?", (now, code))

    def own_votes(self, code: str, token: str, position: int) -> dict[int, Vote]:
        """By round, what somebody voted on a cell."""
        return {vote.round: vote for vote in self.votes(code, position, token)}

    def votes(self, code: str, position: int | None = None, token: str | None = None) -> list[Vote]:
        """The votes of a session, of one cell or one person where these are given."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "select number, position, round, class as label, sureness from votes join participants using (token) "
                "where votes.code = ? and (? is null or position = ?) and (? is null or token = ?) "
                "order by position, round, number", (code, position, position, token, token),
            )  # fmt: skip
            return [Vote(*row) for row in rows]

    def counts(self, code: str, position: int) -> dict[int, int]:
        """By round, how many have voted on a cell; under 0, how many have joined."""
        with self._database.reading() as connection:
            if connection is None:
                return {0: 0, 1: 0, 2: 0}
            words = "select round, count(*) from votes where code = ? and position = ? group by round"
            found = {row[0]: row[1] for row in connection.execute(words, (code, position))}
            joined = connection.execute("select count(*) from participants where code = ?", (code,)).fetchone()[0]
        return {0: joined, 1: found.get(1, 0), 2: found.get(2, 0)}

    def tally(self, code: str, position: int) -> dict[int, Counter[str]]:
        """By round, the votes for each class; once anybody has voted again, the first votes of all others stand."""
        given: dict[int, dict[int, str]] = {1: {}, 2: {}}
        for vote in self.votes(code, position):
            given[vote.round][vote.number] = vote.label
        again = given[1] | given[2] if given[2] else {}
        return {1: Counter(given[1].values()), 2: Counter(again.values())}


def _joined_from(connection: sqlite3.Connection, code: str, browser: str) -> Participant | None:
    words = "select * from browsers join participants using (token) where browsers.code = ? and browser = ?"
    found = connection.execute(words, (code, browser)).fetchone() if browser else None
    return None if found is None else Participant(found["token"], found["number"], found["nickname"])


def _room_for_one(connection: sqlite3.Connection, code: str, now: float) -> int:
    """The number that somebody who joins now gets."""
    (count,) = connection.execute("select count(*) from participants where code = ?", (code,)).fetchone()
    if count >= MOST_STUDENTS:
        raise InputError(f"This session is full: {MOST_STUDENTS} take part.")
    recent = "select count(*) from participants where code = ? and joined between ? and ?"
    (joining,) = connection.execute(recent, (code, now - 60, now)).fetchone()
    if joining >= MOST_JOINING:
        raise InputError("Too many are joining at once: try again in a minute.")
    return int(count) + 1


def _check_vote(
    connection: sqlite3.Connection, session: ClassSession, token: str, position: int, step: str, label: str
) -> None:
    there = connection.execute("select 1 from participants where token = ? and code = ?", (token, session.code))
    if there.fetchone() is None:
        raise InputError("Only those who joined can vote: join with the code on the screen.")
    if label not in session.classes:
        raise InputError("This class is not among those to vote for.")
    if session.ended or (session.position, session.step) != (position, step):
        which = "The vote" if step == VOTE else "The second vote"
        raise VoteClosed(f"{which} on cell {position + 1} has closed: what you said before stands.")
