"""What of this clone's files the state has already, as a small database in the git directory; a cache, never the truth."""

from __future__ import annotations

import errno
import hashlib
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sixthbot.store.atomic import Durability

_VERSION = 2
_NUMBERS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS, sqlite3.SQLITE_BUSY: errno.EBUSY,
    sqlite3.SQLITE_LOCKED: errno.EBUSY, sqlite3.SQLITE_NOMEM: errno.ENOMEM, sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}  # fmt: skip
_OF_THE_DISK = {*_NUMBERS, sqlite3.SQLITE_IOERR}
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

    Of a file that only grows, `size` is how much of it was saved, `hash` that of the last piece, `place` where that begins.
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
        row = self._db.execute(
            "SELECT value FROM meta WHERE name = CAST(? AS TEXT)", (_bytes(name),)
        ).fetchone()
        return str(row[0]) if row else ""

    def set(self, **values: str) -> None:
        """Set named values."""
        bound = [(_bytes(name), _bytes(value)) for name, value in values.items()]
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (CAST(? AS TEXT), CAST(? AS TEXT))", bound)

    def row(self, key: str) -> Row | None:
        """Return what was saved of a key."""
        found = self._db.execute("SELECT * FROM files WHERE key = CAST(? AS TEXT)", (_bytes(key),)).fetchone()
        return Row(*found) if found else None

    def rows(self) -> Iterator[Row]:
        """Yield all rows, in order of key; changing rows meanwhile is fine."""
        last = ""
        while True:
            found = self._db.execute(
                "SELECT * FROM files WHERE key > CAST(? AS TEXT) ORDER BY key LIMIT 1000", (_bytes(last),)
            ).fetchall()
            yield from (Row(*row) for row in found)
            if not found:
                return
            last = found[-1][0]

    def rows_under(self, prefix: str) -> list[Row]:
        """Return the rows of the keys that begin so; `prefix` is the name of a folder with its slash."""
        found = self._db.execute(
            "SELECT * FROM files WHERE key >= ? AND key < ? ORDER BY key", (prefix, f"{prefix[:-1]}0")
        ).fetchall()
        return [Row(*row) for row in found]

    def group_of_task(self, task: str) -> str:
        """Return the issue of a task, as its file said."""
        if not task:
            return ""
        row = self._db.execute(
            "SELECT grp FROM files WHERE task = CAST(? AS TEXT)", (_bytes(task),)
        ).fetchone()
        return str(row[0]) if row else ""

    def put(self, rows: Iterable[Row]) -> None:
        """Write rows over those of their keys."""
        bound = [tuple(_bytes(one) if isinstance(one, str) else one for one in row) for row in rows]
        self._db.executemany(
            "INSERT OR REPLACE INTO files VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),"
            " ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?)",
            bound,
        )

    def drop(self, keys: Iterable[str]) -> None:
        """Forget keys."""
        self._db.executemany(
            "DELETE FROM files WHERE key = CAST(? AS TEXT)", [(_bytes(key),) for key in keys]
        )

    def clear(self) -> None:
        """Forget everything but what people were told."""
        self._db.execute("DELETE FROM files")
        self._db.execute("DELETE FROM meta WHERE name <> 'told'")

    def untold(self, messages: Iterable[str]) -> list[str]:
        """Return those of the messages that were not among them the last time; these count as told from now on."""
        told = self.get("told").split()
        digests = {message: hashlib.sha256(_bytes(message)).hexdigest()[:32] for message in messages}
        self.set(told=" ".join(digests.values()))
        return [message for message, digest in digests.items() if digest not in told]


def _bytes(text: str) -> bytes:
    """Return a text as it is bound: names may hold bytes that are no UTF-8, which the module takes in no other way."""
    return text.encode("utf-8", "surrogatepass")


@contextmanager
def open_index(path: Path, *, durability: Durability) -> Iterator[Index]:
    """Lend the index, made anew where it is missing, damaged or of another version; what the block did is kept if it ends well.

    A power cut may cost it its last changes: it then goes with an older state, which is seen, and is made anew. With
    `durability` "process" it may leave a mixture of both, which is not seen.
    Raise OSError for whatever the database cannot do, such as writing to a full disk; one that turns out to be damaged
    while it is lent is removed, and the next one begins anew.
    """
    try:
        with closing(_connected(path, durability)) as connection, connection:
            yield Index(connection)
    except sqlite3.Error as error:
        if _is_damage(error):
            _remove(path)
        raise OSError(
            _NUMBERS.get(_code(error), errno.EIO), f"{error} (the index of what was saved)", str(path)
        ) from error


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF  # without what details it


def _is_damage(error: sqlite3.Error) -> bool:
    """Tell whether a database made anew would do better; on a full or failing disk it would not."""
    return _code(error) not in _OF_THE_DISK


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-journal", f"{path.name}-wal", f"{path.name}-shm"):
        with suppress(FileNotFoundError):
            path.with_name(name).unlink()


def _connected(path: Path, durability: Durability) -> sqlite3.Connection:
    path.parent.mkdir(exist_ok=True)
    try:
        return _prepared(path, durability)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        _remove(path)
        return _prepared(path, durability)


def _prepared(path: Path, durability: Durability) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30.0)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogatepass")
    try:
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'OFF'}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            connection.executescript(
                f"DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS meta; {_TABLES} PRAGMA user_version = {_VERSION};"
            )
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
