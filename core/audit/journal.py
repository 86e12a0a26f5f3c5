"""What auditors say to findings, kept as it is said: who, when, and what was said before. Nothing is overwritten; what
somebody else said in the meantime is told, and left to the auditor."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.audit.findings import Remark
from core.database import Database, home
from core.errors import InputError

FILE = "audits.db"
MOST_ENTRIES = 20_000  # of one walk
LONGEST_NAME = 80  # letters of an auditor's name
KEPT = 365 * 86_400.0  # s after its last entry until a walk goes
WHEN = "%Y-%m-%d %H:%M UTC"
SCHEMA = """
create table if not exists entries (
    number integer primary key autoincrement,
    walk text not null,
    mark text not null,
    decision text not null,
    words text not null,
    who text not null,
    moment real not null
);
create index if not exists by_walk on entries (walk, mark, number);
create index if not exists by_moment on entries (moment);
"""
ALL = "select * from entries where walk = ? and mark = ? order by number"
NEWEST = """
select * from entries where number in (select max(number) from entries where walk = ? group by mark) order by number
"""


@dataclass(frozen=True)
class JournalEntry:
    """What somebody said: `number` rises with time, `moment` is in seconds since 1970, `who` "" for nobody named."""

    number: int
    mark: str
    decision: str
    words: str
    who: str
    moment: float

    @property
    def when(self) -> str:
        """The moment, as a report says it: day and minute, UTC."""
        return datetime.fromtimestamp(self.moment, UTC).strftime(WHEN)

    @property
    def empty(self) -> bool:
        """Whether the auditor took back what was said."""
        return not (self.decision or self.words)

    def as_remark(self) -> Remark:
        """For the report."""
        facts = {"mark": self.mark, "decision": self.decision, "words": self.words, "who": self.who, "when": self.when}
        return Remark.model_validate(facts)


class Overtaken(InputError):
    """Somebody said something else to this finding after the auditor looked at it: `entry`."""

    def __init__(self, entry: JournalEntry) -> None:
        super().__init__(f"{entry.who or 'Somebody'} said something else to this finding at {entry.when}.")
        self.entry = entry


class Journal:
    """The journal of all walks in one file. A walk is a name: of an audit that several share, or one person's own."""

    def __init__(self, path: Path | None = None) -> None:
        self._database = Database(path or home() / FILE, SCHEMA)

    def said(self, walk: str) -> dict[str, JournalEntry]:
        """The newest entry to each mark, empty ones too."""
        with self._database.reading() as connection:
            rows = [] if connection is None else connection.execute(NEWEST, (walk,)).fetchall()
        return {row["mark"]: _entry(row) for row in rows}

    def history(self, walk: str, mark: str) -> list[JournalEntry]:
        """All that was ever said to a finding, the first first."""
        with self._database.reading() as connection:
            if connection is None:
                return []
            found = connection.execute(ALL, (walk, mark))
            return [_entry(row) for row in found]

    def say(self, walk: str, remark: Remark, seen: int | None, moment: float | None = None) -> JournalEntry:
        """Keep what an auditor says who has `seen` the entry of that number (0: none; None: whatever there is).

        The same words again are no new entry. Overtaken where a newer one says something else; InputError for a full
        walk or a disk that will not take it.
        """
        with self._database.writing() as connection:
            return _kept(connection, walk, remark, seen, time.time() if moment is None else moment)

    def take_over(self, walk: str, remarks: Sequence[Remark]) -> int:
        """Take a report's remarks, the last to each mark, with who and when; returns how many were left out, since
        something else was said to their findings here.
        """
        last = {remark.mark: remark for remark in remarks}
        left = 0
        with self._database.writing() as connection:
            for remark in last.values():
                try:
                    _kept(connection, walk, remark, 0, moment_of(remark.when))
                except Overtaken:
                    left += 1
        return left


def _kept(connection: sqlite3.Connection, walk: str, remark: Remark, seen: int | None, now: float) -> JournalEntry:
    row = connection.execute(f"{ALL} desc limit 1", (walk, remark.mark)).fetchone()
    last = None if row is None else _entry(row)
    if last is not None and (last.decision, last.words) == (remark.decision, remark.words):
        return last
    if last is not None and seen is not None and last.number > seen:
        raise Overtaken(last)
    (count,) = connection.execute("select count(*) from entries where walk = ?", (walk,)).fetchone()
    if count >= MOST_ENTRIES:
        raise InputError(f"More than {MOST_ENTRIES:,} entries to one audit are not kept: take its report.")
    values = (walk, remark.mark, remark.decision, remark.words, remark.who[:LONGEST_NAME], now)
    made = connection.execute(
        "insert into entries (walk, mark, decision, words, who, moment) values (?, ?, ?, ?, ?, ?)", values
    )
    old = "delete from entries where walk in (select walk from entries group by walk having max(moment) < ?)"
    connection.execute(old, (time.time() - KEPT,))
    return JournalEntry(int(made.lastrowid or 0), *values[1:])


def moment_of(when: str) -> float:
    """The moment that a remark names as `JournalEntry.when` does; now, where it names none."""
    try:
        return datetime.strptime(when, WHEN).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return time.time()


def _entry(row: Mapping[str, object]) -> JournalEntry:
    return JournalEntry(**{name: row[name] for name in JournalEntry.__dataclass_fields__})  # type: ignore[arg-type]
