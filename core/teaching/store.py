"""Sessions with a class, in one SQLite file: the deck, where the session is, and what the models said. All of it
outlives a killed server. Steps only go forward, by a number that rises, so that no clock decides anything."""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.classes import CLASSES
from core.database import Database, home
from core.errors import InputError
from core.teaching.deck import DeckCell, checked_deck
from core.teaching.steps import LOBBY, LOOK, TRUTH, ClassSettings, following, reached

FILE = "classes.db"
ALPHABET = "CDFGHJKMNPQRTVWXY34679"  # no vowels and nothing that is taken for something else: no words, no mistakes
CODE_LENGTH = 6
KEPT = 30 * 86_400.0  # s after the last step or vote until a session goes
GRACE = 86_400.0  # s between two looks that both find it too old: a clock that jumps for an hour deletes nothing
MOST_SESSIONS = 1000
MOST_OF_ONE = 40  # sessions of one browser
MOST_AN_HOUR = 200  # sessions opened by all
MOST_BYTES = 4 * 2**30  # of all pictures
UNUSED = 86_400.0  # s after which a session that nobody joined gives way where there is no room
LONGEST_TITLE = 80
LONGEST_NOTE = 1000
SCHEMA = """
create table if not exists sessions (
    code text primary key, title text not null, key text not null, presenter text not null, owner text not null,
    created real not null, touched real not null, doomed real, cells integer not null, position integer not null,
    step text not null, tick integer not null, ended integer not null, settings text not null, classes text not null
);
create table if not exists cells (
    code text not null, position integer not null, png blob not null, label text, source text not null,
    note text not null, primary key (code, position)
);
create table if not exists answers (
    code text not null, position integer not null, model text not null, answer text not null,
    primary key (code, position, model)
);
create table if not exists participants (
    token text primary key, code text not null, number integer not null, nickname text not null, joined real not null
);
create index if not exists participants_of on participants (code, number);
create table if not exists browsers (
    code text not null, browser text not null, token text not null, primary key (code, browser)
);
create table if not exists votes (
    code text not null, position integer not null, round integer not null, token text not null, class text not null,
    sureness integer not null, changes integer not null, moment real not null,
    primary key (code, position, round, token)
);
"""
TABLES = ("votes", "browsers", "participants", "answers", "cells", "sessions")


@dataclass(frozen=True)
class ClassSession:
    """A session as it stands: `tick` rises with each step, `position` is the cell's index or LOBBY.

    `key` and `presenter` are the secrets of the teacher's two links, `owner` tells the browser that opened it, and
    `classes` are what may be voted for.
    """

    code: str
    title: str
    key: str
    presenter: str
    owner: str
    cells: int
    position: int
    step: str
    tick: int
    ended: bool
    settings: ClassSettings
    classes: tuple[str, ...]
    touched: float

    @property
    def lobby(self) -> bool:
        """Whether it waits for students."""
        return self.position == LOBBY and not self.ended

    def past(self, wanted: str) -> bool:
        """Whether the present cell has come to the step `wanted`; nothing has in the lobby, everything at the end."""
        return self.ended or (not self.lobby and reached(self.step, wanted))

    def leads(self, token: str) -> bool:
        """Whether this is the secret of one of the teacher's links."""
        return self.is_teacher(token) or hmac.compare_digest(self.presenter.encode(), token.encode())

    def is_teacher(self, token: str) -> bool:
        """Whether this is the secret of the teacher's first link, which also deletes."""
        return hmac.compare_digest(self.key.encode(), token.encode())

    def opened_by(self, browser: str) -> bool:
        """Whether this browser opened the session, and so leads it without a secret in its address."""
        return bool(browser) and hmac.compare_digest(self.owner.encode(), browser.encode())


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said of a cell: its class, "" with a `fault` where there is none, and all probabilities."""

    model: str
    title: str
    label: str
    probabilities: Mapping[str, float]
    fault: str = ""


def read_code(text: str) -> str:
    """A code as somebody typed it, in capitals without blanks and hyphens; InputError where it can be none."""
    code = "".join(text.split()).replace("-", "").upper()
    if len(code) != CODE_LENGTH or set(code) - set(ALPHABET):
        raise InputError(f"A code has {CODE_LENGTH} letters and digits, as in KQ7RDM: look at the screen again.")
    return code


class ClassStore:
    """All sessions of this server. InputError, with what to do, wherever something cannot be done."""

    def __init__(self, path: Path | None = None) -> None:
        self.database = Database(path or home() / FILE, SCHEMA)

    def open_session(
        self,
        title: str,
        deck: Sequence[DeckCell],
        settings: ClassSettings,
        owner: str,
        classes: Sequence[str] = CLASSES,
        moment: float | None = None,
    ) -> ClassSession:
        """Begin a session in its lobby. `classes` may be voted for, and whatever else the deck holds."""
        cells, now = checked_deck(deck), time.time() if moment is None else moment
        names = tuple(dict.fromkeys([*classes, *(cell.label for cell in cells if cell.label)]))
        named = " ".join(title.split())[:LONGEST_TITLE] or "Class"
        with self.database.writing() as connection:
            _sweep(connection, now)
            _check_room(connection, owner, sum(len(cell.png) for cell in cells), now)
            code = _free_code(connection)
            values = (
                code, named, secrets.token_urlsafe(16), secrets.token_urlsafe(16), owner, now, now, None, len(cells),
                LOBBY, LOOK, 0, 0, settings.to_json(), json.dumps(names),
            )  # fmt: skip
            connection.execute(f"insert into sessions values ({', '.join('?' * len(values))})", values)
            rows = [(code, place, cell.png, cell.label, cell.source, cell.note) for place, cell in enumerate(cells)]
            connection.executemany("insert into cells values (?, ?, ?, ?, ?, ?)", rows)
            return read_session(connection, code)

    def session(self, code: str) -> ClassSession:
        """The session of that code: one small row."""
        with self.database.reading() as connection:
            if connection is None:
                raise InputError(_unknown(code))
            return read_session(connection, code)

    def sessions_of(self, owner: str) -> list[ClassSession]:
        """The sessions that a browser opened, the newest first."""
        with self.database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute("select * from sessions where owner = ? order by created desc", (owner,))
            return [_session(row) for row in rows]

    def go_on(self, code: str, key: str, seen: int, to: str = "") -> ClassSession:
        """Go to the next step, or to `to`: TRUTH of this cell, or "end". Only who leads the session may.

        `seen` is the tick that the teacher had before them: a key that is pressed twice goes one step.
        """
        with self.database.writing() as connection:
            session = _leading(connection, code, key)
            if session.ended or session.tick != seen:
                return session
            place = _place_after(session, to)
            ended = place is None
            position, step = (session.position, session.step) if place is None else place
            if (position, step, ended) != (session.position, session.step, session.ended):
                connection.execute(
                    "update sessions set position = ?, step = ?, ended = ?, tick = tick + 1, touched = ?, "
                    "doomed = null where code = ?", (position, step, ended, time.time(), code),
                )  # fmt: skip
            return read_session(connection, code)

    def cell(self, code: str, position: int) -> DeckCell:
        """A cell of the deck, with its class."""
        with self.database.reading() as connection:
            row = None if connection is None else _one(
                connection, "select * from cells where code = ? and position = ?", (code, position)
            )  # fmt: skip
        if row is None:
            raise InputError(f"This session has no cell {position + 1}.")
        return DeckCell(row["png"], row["label"], row["source"], row["note"])

    def labels(self, code: str) -> list[str | None]:
        """The classes of the deck's cells, in order; None where one is not known."""
        with self.database.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute("select label from cells where code = ? order by position", (code,))
            return [row["label"] for row in rows]

    def note(self, code: str, key: str, position: int, words: str) -> None:
        """Keep the teacher's note on a cell, which the presenter's view shows."""
        with self.database.writing() as connection:
            _leading(connection, code, key)
            facts = (words.strip()[:LONGEST_NOTE], code, position)
            connection.execute("update cells set note = ? where code = ? and position = ?", facts)

    def keep_answers(self, code: str, position: int, answers: Sequence[ModelAnswer]) -> None:
        """Keep what the models said of a cell."""
        rows = [(code, position, one.model, json.dumps([one.title, one.label, dict(one.probabilities), one.fault]))
                for one in answers]  # fmt: skip
        with self.database.writing() as connection:
            read_session(connection, code)
            connection.executemany("insert or replace into answers values (?, ?, ?, ?)", rows)

    def answers(self, code: str, position: int | None = None) -> dict[int, list[ModelAnswer]]:
        """By position, what the models said; of one cell alone where a position is given."""
        found: dict[int, list[ModelAnswer]] = {}
        with self.database.reading() as connection:
            if connection is None:
                return found
            words, facts = "select * from answers where code = ?", (code,)
            for row in connection.execute(f"{words} order by position, rowid", facts):
                if position in (None, row["position"]):
                    answer = ModelAnswer(row["model"], *json.loads(row["answer"]))
                    found.setdefault(row["position"], []).append(answer)
        return found

    def delete(self, code: str, key: str) -> None:
        """Delete a session with all that belongs to it; only the teacher may."""
        with self.database.writing() as connection:
            if not read_session(connection, code).is_teacher(key):
                raise InputError("Only the teacher's own link deletes a session.")
            _drop(connection, code)

    def sweep(self, moment: float | None = None) -> int:
        """Delete sessions that nothing happened in for 30 days, and a day after that was first found; how many went."""
        with self.database.reading() as connection:
            if connection is None:
                return 0
        with self.database.writing() as connection:
            return _sweep(connection, time.time() if moment is None else moment)


def _place_after(session: ClassSession, to: str) -> tuple[int, str] | None:
    if to == "end":
        return None
    if to == TRUTH:
        return (session.position, session.step if session.lobby else TRUTH)
    return following(session.position, session.step, session.settings.steps, session.cells)


def _leading(connection: sqlite3.Connection, code: str, key: str) -> ClassSession:
    session = read_session(connection, code)
    if not session.leads(key):
        raise InputError("Only the teacher's links lead this session.")
    return session


def _one(connection: sqlite3.Connection, words: str, facts: tuple[object, ...]) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(words, facts).fetchone()
    return row


def _unknown(code: str) -> str:
    return f"There is no session {code}: check the code. Sessions go when they were not used for 30 days."


def read_session(connection: sqlite3.Connection, code: str) -> ClassSession:
    """The session of that code, within somebody's piece of work; InputError where there is none."""
    row = _one(connection, "select * from sessions where code = ?", (code,))
    if row is None:
        raise InputError(_unknown(code))
    return _session(row)


def _session(row: sqlite3.Row) -> ClassSession:
    plain = ("code", "title", "key", "presenter", "owner", "cells", "position", "step", "tick", "touched")
    return ClassSession(
        **{name: row[name] for name in plain},
        ended=bool(row["ended"]),
        settings=ClassSettings.from_json(row["settings"]),
        classes=tuple(json.loads(row["classes"])),
    )


def _check_room(connection: sqlite3.Connection, owner: str, size: int, now: float) -> None:
    """InputError where no session of `size` bytes may be opened; ones that nobody joined for a day give way first."""
    own = _count(connection, "select count(*) from sessions where owner = ?", (owner,))
    if own >= MOST_OF_ONE:
        raise InputError(f"You have {own} sessions on this server, as many as it keeps for one: delete old ones.")
    recent = "select count(*) from sessions where created between ? and ?"
    if _count(connection, recent, (now - 3600, now)) >= MOST_AN_HOUR:
        raise InputError("Too many sessions were opened on this server within an hour: try again later.")
    if _is_full(connection, size):
        unused = "select code from sessions where created < ? and code not in (select code from participants)"
        for row in connection.execute(unused, (now - UNUSED,)).fetchall():
            _drop(connection, row["code"])
    if _is_full(connection, size):
        raise InputError("This server has no room for another session now: old ones must be deleted first.")


def _is_full(connection: sqlite3.Connection, size: int) -> bool:
    held = _count(connection, "select coalesce(sum(length(png)), 0) from cells", ())
    return _count(connection, "select count(*) from sessions", ()) >= MOST_SESSIONS or held + size > MOST_BYTES


def _count(connection: sqlite3.Connection, words: str, facts: tuple[object, ...]) -> int:
    return int(connection.execute(words, facts).fetchone()[0])


def _free_code(connection: sqlite3.Connection) -> str:
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if _one(connection, "select code from sessions where code = ?", (code,)) is None:
            return code


def _drop(connection: sqlite3.Connection, code: str) -> None:
    connection.execute("pragma secure_delete = on")
    for table in TABLES:
        connection.execute(f"delete from {table} where code = ?", (code,))


def _sweep(connection: sqlite3.Connection, now: float) -> int:
    """Two looks, a day apart, must find a session too old: one at which the clock was wrong deletes nothing."""
    connection.execute("update sessions set doomed = null where touched >= ? or doomed > ?", (now - KEPT, now))
    gone = connection.execute("select code from sessions where doomed <= ?", (now - GRACE,)).fetchall()
    for row in gone:
        _drop(connection, row["code"])
    connection.execute("update sessions set doomed = ? where touched < ? and doomed is null", (now, now - KEPT))
    return len(gone)
