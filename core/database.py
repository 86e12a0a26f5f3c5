"""What people do in the dashboard and want to find again: small SQLite files in one folder, in write-ahead mode, so
that a killed process loses nothing that was said to be kept, and a reader never waits for a writer."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import InputError

HOME = "LEUKOLENS_HOME"
ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 5.0  # s that a writer waits for another one


def home() -> Path:
    """The folder of what people do: LEUKOLENS_HOME, else the project's `.leukolens/`; InputError for no such place."""
    given = os.environ.get(HOME)
    try:
        return Path(given).expanduser() if given else ROOT / ".leukolens"
    except RuntimeError as error:
        raise InputError(f"{HOME} names the home of a user that there is not: {given}") from error


class Database:
    """One SQLite file, made when it is first written to. `schema` makes its tables ("create ... if not exists").

    A connection lives for one piece of work, so that any thread and any process may use the same file. InputError,
    with what to do, where the file cannot be read or written.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._schema = schema

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that writes all that is done with it, or, after an exception, nothing."""
        with self._told("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connected()) as connection:
                connection.executescript(f"{self._schema}; pragma user_version = 1")  # "its tables are there"
                connection.execute("begin immediate")
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection to read with; None where nothing was ever written."""
        with self._told("read"):
            if not self.path.exists():
                yield None
                return
            with closing(self._connected()) as connection:
                made = connection.execute("pragma user_version").fetchone()[0]
                yield connection if made else None  # another process may have made the file, and no table yet

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")  # what was said to be kept outlives a power cut too
        return connection

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            advice = f"Give it room and rights, or name another folder with {HOME}."
            raise InputError(f"{self.path.name} cannot be {done} ({error}). {advice}") from error
