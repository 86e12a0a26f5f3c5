"""The SQLite files of what people do: whole or nothing, many threads, a killed process, a disk that takes nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.database import Database, home
from core.errors import InputError

SCHEMA = "create table if not exists notes (number integer primary key, words text not null)"
KILLED = """
import os, signal, sys
from pathlib import Path
from core.database import Database
database = Database(Path(sys.argv[1]), sys.argv[2])
with database.writing() as connection:
    connection.execute("insert into notes (words) values ('kept')")
with database.writing() as connection:
    connection.execute("insert into notes (words) values ('half done')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def words(database: Database) -> list[str]:
    with database.reading() as connection:
        return [] if connection is None else [row["words"] for row in connection.execute("select words from notes")]


def test_home_is_where_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEUKOLENS_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("LEUKOLENS_HOME")
    assert home().name == ".leukolens"


def test_reading_makes_nothing(tmp_path: Path) -> None:
    assert words(Database(tmp_path / "a" / "notes.db", SCHEMA)) == [] and not (tmp_path / "a").exists()


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.db", SCHEMA)
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute("insert into notes (words) values ('lost')")
        raise ZeroDivisionError
    assert words(database) == []


def test_a_killed_process_loses_what_was_half_done_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), SCHEMA], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert words(Database(path, SCHEMA)) == ["kept"]


def test_many_threads_write_at_once_and_none_is_lost(tmp_path: Path) -> None:
    database = Database(tmp_path / "notes.db", SCHEMA)

    def write(number: int) -> None:
        with database.writing() as connection:
            connection.execute("insert into notes (words) values (?)", (str(number),))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    assert sorted(words(database), key=int) == [str(number) for number in range(80)]
    with sqlite3.connect(database.path) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("data", [b"no database", b"SQLite format 3\x00" + b"\xff" * 200])
def test_what_is_no_database_is_told_and_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(data)
    database = Database(path, SCHEMA)
    with pytest.raises(InputError, match="LEUKOLENS_HOME"), database.writing():
        pass
    with pytest.raises(InputError, match=r"notes\.db cannot be read"):
        words(database)
    assert path.read_bytes() == data
