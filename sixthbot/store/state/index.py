"""What of this clone's files the state has already, as a small database in the git directory; a cache, never the truth."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    key TEXT PRIMARY KEY, path TEXT NOT NULL, place TEXT NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
    mtime INTEGER NOT NULL, inode INTEGER NOT NULL, ids TEXT NOT NULL, grp TEXT NOT NULL, task TEXT NOT NULL,
    missed REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks ON files (task) WHERE task <> '';
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """One file as it was saved last. `ids` are the operations that say so, `missed` is when it was first not there.

    Of a file that only grows, `size` is how much of it was saved.
    """

    key: str
    path: str
    place: str = ""
    hash: str = ""
    size: int = 0
    mtime: int = 0
    inode: int = 0
    ids: str = ""
    group: str = ""
    task: str = ""
    missed: float = 0.0

    @property
    def known(self) -> tuple[str, ...]:
        """The ids of the operations."""
        return tuple(self.ids.split())


class Index:
    """An open index; `commit` names the state that it goes with."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def get(self, name: str) -> str:
        """Return a named value, empty when it was never set."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set(self, **values: str) -> None:
        """Set named values."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def row(self, key: str) -> Row | None:
        """Return what was saved of a key."""
        found = self._db.execute("SELECT * FROM files WHERE key = ?", (key,)).fetchone()
        return Row(*found) if found else None

    def rows(self) -> Iterator[Row]:
        """Yield all rows, in order of key; changing rows meanwhile is fine."""
        last = ""
        while True:
            found = self._db.execute(
                "SELECT * FROM files WHERE key > ? ORDER BY key LIMIT 1000", (last,)
            ).fetchall()
            yield from (Row(*row) for row in found)
            if not found:
                return
            last = found[-1][0]

    def group_of_task(self, task: str) -> str:
        """Return the issue of a task, as its file said."""
        row = self._db.execute("SELECT grp FROM files WHERE task = ?", (task,)).fetchone() if task else None
        return str(row[0]) if row else ""

    def put(self, rows: Iterable[Row]) -> None:
        """Write rows over those of their keys."""
        self._db.executemany("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?)", list(rows))

    def drop(self, keys: Iterable[str]) -> None:
        """Forget keys."""
        self._db.executemany("DELETE FROM files WHERE key = ?", [(key,) for key in keys])

    def clear(self) -> None:
        """Forget everything."""
        self._db.execute("DELETE FROM files")
        self._db.execute("DELETE FROM meta")


@contextmanager
def open_index(path: Path) -> Iterator[Index]:
    """Lend the index, made anew where it is missing, damaged or of another version; what the block did is kept if it ends well.

    A power cut may cost it its last changes: it then goes with an older state, which is seen, and is made anew.
    """
    with closing(_connected(path)) as connection, connection:
        yield Index(connection)


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(exist_ok=True)
    try:
        return _prepared(path)
    except sqlite3.DatabaseError:
        for name in (path.name, f"{path.name}-journal", f"{path.name}-wal", f"{path.name}-shm"):
            with suppress(FileNotFoundError):
                path.with_name(name).unlink()
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30.0)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            connection.executescript(
                f"DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS meta; {_TABLES} PRAGMA user_version = {_VERSION};"
            )
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
