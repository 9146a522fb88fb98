"""Queues of others behind the same face: `put`, `claim`, `ack`; and the physical limit of files."""

from __future__ import annotations

import importlib.util
import os
import time
from typing import Any, ClassVar, Protocol


class Peer(Protocol):
    """A queue in a folder. FSYNC: which durabilities it has. PROCESSES: whether several may use it. NEEDS: a module."""

    FSYNC: ClassVar[set[bool]]
    PROCESSES: ClassVar[bool]
    NEEDS: ClassVar[str]

    def __init__(self, path: str, fsync: bool) -> None: ...  # noqa: FBT001 - what yardsticks call it with
    def put(self, data: bytes) -> None: ...
    def claim(self) -> tuple[Any, bytes] | None: ...
    def ack(self, handle: Any) -> None: ...


def installed(peer: type[Peer]) -> bool:
    """Tell whether what a peer needs is there."""
    return not peer.NEEDS or importlib.util.find_spec(peer.NEEDS) is not None


class Limit:
    """What files cost at least: put creates, syncs and renames; claim renames and reads; ack unlinks."""

    FSYNC: ClassVar = {True, False}
    PROCESSES: ClassVar = True
    NEEDS: ClassVar = ""

    def __init__(self, path: str, fsync: bool) -> None:  # noqa: FBT001 - see Peer
        self._path, self._fsync = path, fsync
        for name in ("tmp", "new", "cur"):
            os.makedirs(f"{path}/{name}", exist_ok=True)
        self._number = 0
        self._names: list[str] = []

    def put(self, data: bytes) -> None:
        """Add one file."""
        self._number += 1
        name = f"{time.time_ns()}-{os.getpid()}-{self._number}"
        descriptor = os.open(f"{self._path}/tmp/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, data)
        if self._fsync:
            os.fsync(descriptor)
        os.close(descriptor)
        os.rename(f"{self._path}/tmp/{name}", f"{self._path}/new/{name}")
        if self._fsync:
            folder = os.open(f"{self._path}/new", os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)

    def claim(self) -> tuple[str, bytes] | None:
        """Take the oldest file, of a list that is read once."""
        while True:
            if not self._names:
                self._names = sorted(os.listdir(f"{self._path}/new"), reverse=True)
                if not self._names:
                    return None
            name = self._names.pop()
            try:
                os.rename(f"{self._path}/new/{name}", f"{self._path}/cur/{name}")
            except FileNotFoundError:
                continue
            with open(f"{self._path}/cur/{name}", "rb") as file:
                return name, file.read()

    def ack(self, handle: str) -> None:
        """Remove the file."""
        os.unlink(f"{self._path}/cur/{handle}")


class Huey:
    """huey's storage in SQLite. What is claimed is gone: it has no ack."""

    FSYNC: ClassVar = {True, False}
    PROCESSES: ClassVar = True
    NEEDS: ClassVar = "huey"

    def __init__(self, path: str, fsync: bool) -> None:  # noqa: FBT001 - see Peer
        from huey.storage import SqliteStorage  # noqa: PLC0415 - an extra

        self._queue = SqliteStorage("q", filename=f"{path}/huey.db", fsync=fsync, timeout=60)

    def put(self, data: bytes) -> None:
        """Add one item."""
        self._queue.enqueue(data)

    def claim(self) -> tuple[int, bytes] | None:
        """Take one item."""
        data = self._queue.dequeue()
        return None if data is None else (0, bytes(data))

    def ack(self, handle: int) -> None:
        """Do nothing."""


class PersistQueue:
    """persist-queue's queue with acks, in SQLite."""

    FSYNC: ClassVar = {True}
    PROCESSES: ClassVar = True
    NEEDS: ClassVar = "persistqueue"

    def __init__(self, path: str, fsync: bool) -> None:  # noqa: FBT001 - see Peer
        import persistqueue  # noqa: PLC0415 - an extra

        self._empty = persistqueue.Empty
        self._queue = persistqueue.SQLiteAckQueue(
            f"{path}/pq", multithreading=True, auto_resume=False, timeout=60
        )

    def put(self, data: bytes) -> None:
        """Add one item."""
        self._queue.put(data)

    def claim(self) -> tuple[int, bytes] | None:
        """Take one item."""
        try:
            found = self._queue.get(block=False, raw=True)
        except self._empty:
            return None
        return None if found is None else (found["pqid"], found["data"])

    def ack(self, handle: int) -> None:
        """Say that it is done."""
        self._queue.ack(id=handle)


class LiteQueue:
    """litequeue, in SQLite."""

    FSYNC: ClassVar = {True, False}
    PROCESSES: ClassVar = True
    NEEDS: ClassVar = "litequeue"

    def __init__(self, path: str, fsync: bool) -> None:  # noqa: FBT001 - see Peer
        from litequeue import LiteQueue as Lite  # noqa: PLC0415 - an extra

        self._queue = Lite(filename_or_conn=f"{path}/lite.db")
        self._queue.conn.execute("pragma busy_timeout=60000")
        self._queue.conn.execute(f"pragma synchronous={'full' if fsync else 'off'}")

    def put(self, data: bytes) -> None:
        """Add one item."""
        self._queue.put(data.decode())

    def claim(self) -> tuple[str, bytes] | None:
        """Take one item."""
        found = self._queue.pop()
        return None if found is None else (found.message_id, found.data.encode())

    def ack(self, handle: str) -> None:
        """Say that it is done."""
        self._queue.done(handle)


PEERS: dict[str, type[Peer]] = {"huey": Huey, "persist-queue": PersistQueue, "litequeue": LiteQueue}
