"""Which task ids the queue has seen, and which will not come again, shared by all processes."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store import disk
from sixthbot.store.atomic import Durability, append_line, append_to, make_dirs, point, write_file
from sixthbot.store.idset import IdSet
from sixthbot.store.jsonfile import keep_aside
from sixthbot.store.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_LOG = point("queue.ids")
_SPENT = point("queue.spent")
_SPENT_COMPACT = point("queue.spent.compact")
_COMPACT_AT = 1 << 20
_BEGUN = "begun-"
"""What the first line of a log that was begun anew starts with, before a number by chance: no id of a task."""
_HEAD = 32
"""Bytes by which one log is told from another: longer than that line."""

SPENT_LIMIT = 32 << 20
"""So long the file of spent ids may grow, in bytes: some two million ids."""


class KnownIds:
    """The ids in the folders when this was made, and those that any process put since.

    An id that is not known is nowhere in the queue (unless a person moved a file in by hand); one that is known may
    be gone. `present` lists the ids in the folders now; it is asked once, and again when the log has grown long or was begun
    anew.

    The others' ids come from a log, one line for each put; one that was begun anew says so in a first line of its own. It
    is not synced: what a power cut takes from it, the listing at the next start knows. Not for use by two threads at once.
    """

    def __init__(self, log: Path, present: Callable[[], Iterable[str]]) -> None:
        self._log = log
        self._present = present
        self._ids: IdSet | None = None
        self._head = b""
        self._read_to = self._size = 0
        self._held = -1
        self._seen = False  # while `alone`: read since that began, and nobody else writes
        self._compact_at = _COMPACT_AT

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._caught_up()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes from putting tasks, and from moving them with a change of content."""
        descriptor = self._open()
        try:
            with exclusive(descriptor):
                self._held, self._seen = descriptor, False
                yield
        finally:
            self._held = -1
            os.close(descriptor)

    def add(self, task_ids: Sequence[str]) -> None:
        """Make ids known to everybody; to be done before their files are there, while `alone`."""
        ids, lines = self._caught_up(), "\n".join(task_ids).encode()
        whole = self._read_to == self._size
        append_to(self._held, lines, point=_LOG, torn=False if whole else None)
        if whole:  # nobody else writes meanwhile: no need to read what was just written
            ids.update(task_ids)
            self._read_to = self._size = self._size + len(lines) + 1
            self._head = self._head or os.pread(self._held, _HEAD, 0)

    def _open(self) -> int:
        descriptor = _open_log(self._log)
        if descriptor < 0:  # something else got its name: out of the way with it
            keep_aside(self._log)
            descriptor = _open_log(self._log)
        if descriptor < 0:
            raise Refused(f"{self._log} is not a regular file", hint="remove it")
        return descriptor

    def _caught_up(self) -> IdSet:
        if self._held >= 0:
            if not self._seen or self._ids is None:
                self._ids = self._read(self._held)
                self._seen = self._read_to == self._size
            return self._ids
        descriptor = self._open()
        try:
            return self._read(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int) -> IdSet:
        while True:
            head = os.pread(descriptor, _HEAD, 0)
            self._size = size = os.fstat(descriptor).st_size
            # begun anew by another process, which may have died over it, and may be longer again by now
            if self._ids is None or size < self._read_to or not head.startswith(self._head):
                self._ids, self._read_to = IdSet(self._present()), 0
            self._head = head
            if size == self._read_to:
                break
            data = os.pread(descriptor, size - self._read_to, self._read_to)
            if not os.pread(descriptor, _HEAD, 0).startswith(head):
                continue  # in this moment, by somebody who need not wait for who only looks
            whole = data[: data.rfind(b"\n") + 1]
            self._ids.update(whole.decode("ascii", "replace").split())
            self._read_to += len(whole)
            break
        if self._held >= 0 and size > self._compact_at:  # also where all of it is this process's own
            self._compact(descriptor)
        return self._ids

    def _compact(self, descriptor: int) -> None:
        """Drop ids that are in no folder any more, or else the log, and what is kept in memory, would grow for ever."""
        present = sorted(set(self._present()))
        disk.truncate(descriptor, 0)
        begun = f"{_BEGUN}{os.urandom(8).hex()}"
        append_to(descriptor, "\n".join((begun, *present)).encode(), point=_LOG)
        self._ids, self._read_to = IdSet(present), os.fstat(descriptor).st_size
        self._head, self._size = os.pread(descriptor, _HEAD, 0), self._read_to
        # where that many tasks are there, each put would compact again
        self._compact_at = max(_COMPACT_AT, 2 * self._read_to)


class SpentIds:
    """Ids that no task will have again, one a line: of pruned tasks, and of events taken into another task.

    When the file has grown very long the oldest half is let go: by then the cursors know those events.
    """

    def __init__(self, log: Path, durability: Durability) -> None:
        self._log = log
        self._durability: Durability = durability
        self._ids = IdSet()
        self._read_to = 0
        self._number = 0

    def __contains__(self, task_id: str) -> bool:
        try:
            found = os.stat(self._log)
        except FileNotFoundError:
            return False
        if found.st_ino != self._number or found.st_size < self._read_to:
            self._ids, self._read_to, self._number = IdSet(), 0, found.st_ino
        if found.st_size > self._read_to:
            with self._log.open("rb") as file:
                file.seek(self._read_to)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._ids.update(whole.decode("ascii", "replace").split())
            self._read_to += len(whole)
        return task_id in self._ids

    def add(self, task_ids: Iterable[str]) -> None:
        """Remember ids; to be done before the files go."""
        lines = "\n".join(task_ids)
        if lines:
            append_line(self._log, lines.encode(), point=_SPENT, durability=self._durability)

    def compact(self, limit: int) -> None:
        """Let the oldest half go where the file is longer than `limit` bytes; only while nobody else adds."""
        try:
            if os.stat(self._log).st_size <= limit:
                return
        except FileNotFoundError:
            return
        lines = dict.fromkeys(self._log.read_bytes().split(b"\n"))
        lines.pop(b"", None)
        kept = list(lines)[len(lines) // 2 :]
        data = b"\n".join(kept) + b"\n"
        write_file(self._log, data, point=_SPENT_COMPACT, durability=self._durability)


def _open_log(path: Path) -> int:
    """Open the log, made if missing; return -1 when there is something that is no regular file."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            descriptor = disk.open_file(path, flags)
        except FileNotFoundError:
            make_dirs(path.parent)
            descriptor = disk.open_file(path, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            return -1
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1
