"""The queue behind the face that yardsticks for queues ask for: `put`, `claim`, `ack` of some bytes."""

from __future__ import annotations

import itertools
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sixthbot.core.events import make_event
from sixthbot.core.lifecycle import Succeeded, step
from sixthbot.core.tasks import Lane, Task
from sixthbot.store.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sixthbot:
    """One user of a queue in a folder: real tasks of one event that carries the bytes as its subject."""

    FSYNC: ClassVar = {True, False}
    PROCESSES: ClassVar = True
    NEEDS: ClassVar = ""

    def __init__(self, path: str, fsync: bool) -> None:  # noqa: FBT001 - what yardsticks call it with
        self._queue = Queue(Path(path) / "queue", "power" if fsync else "process")
        self._worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._number = itertools.count()

    def put(self, data: bytes) -> None:
        """Add one task."""
        self._queue.put(self._task(data))

    def put_many(self, batch: Sequence[bytes]) -> None:
        """Add a task for each, together."""
        self._queue.put_many([self._task(data) for data in batch])

    def claim(self) -> tuple[Task, bytes] | None:
        """Take the next task; return what `ack` wants, and the bytes."""
        task = self._queue.claim(self._worker)
        return None if task is None else (task, str(task.event.fields["subject"]).encode("latin-1"))

    def ack(self, handle: Task) -> None:
        """Say that a claimed task is done."""
        self._queue.settle(handle, step(handle, Succeeded(), handle.created))

    def _task(self, data: bytes) -> Task:
        now = datetime.now(UTC)
        oid = f"{os.getpid():020x}{next(self._number):020x}"
        event = make_event(
            "commit", {"branch": "main", "id": oid, "subject": data.decode("latin-1")}, time=now
        )
        return Task(
            id=f"t{oid[12:20]}{oid[-12:]}", rule="bench", rule_hash="0" * 64, events=(event,), lane=Lane.NORMAL,
            created=now, deadline=now + Lane.NORMAL.wait,
        )  # fmt: skip
