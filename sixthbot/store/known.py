"""Which task ids the queue has seen, and which will not come again, shared by all processes."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.store import disk
from sixthbot.store.atomic import Durability, append_line, append_to, make_dirs, point
from sixthbot.store.jsonfile import keep_aside
from sixthbot.store.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_LOG = point("queue.ids")
_SPENT = point("queue.spent")
_COMPACT_AT = 1 << 20


class KnownIds:
    """The ids in the folders when this was made, and those that any process put since.

    An id that is not known is nowhere in the queue (unless a person moved a file in by hand); one that is known may
    be gone. `present` lists the ids in the folders now; it is asked once.

    The others' ids come from a log, one line for each put. It is not synced: what a power cut takes from it, the
    listing at the next start knows. Not for use by two threads at once.
    """

    def __init__(self, log: Path, present: Callable[[], Iterable[str]]) -> None:
        self._log = log
        self._present = present
        self._ids: set[str] | None = None
        self._read_to = 0
        self._alone = False
        self._compact_at = _COMPACT_AT

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._caught_up()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all other processes from putting tasks, and from moving them with a change of content."""
        descriptor = self._open()
        try:
            with exclusive(descriptor):
                self._alone = True
                try:
                    yield
                finally:
                    self._alone = False
        finally:
            os.close(descriptor)

    def add(self, task_id: str) -> None:
        """Make an id known to everybody; to be done before its file is there, while `alone`."""
        descriptor = self._open()
        try:
            append_to(descriptor, task_id.encode(), point=_LOG)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        make_dirs(self._log.parent)
        descriptor = _open_log(self._log)
        if descriptor < 0:  # something else got its name: out of the way with it
            keep_aside(self._log)
            descriptor = _open_log(self._log)
        if descriptor < 0:
            raise Refused(f"{self._log} is not a regular file", hint="remove it")
        return descriptor

    def _caught_up(self) -> set[str]:
        descriptor = self._open()
        try:
            if self._ids is None:
                self._ids = set(self._present())
            size = os.fstat(descriptor).st_size
            if size < self._read_to:  # another process made it shorter
                self._read_to = 0
            data = os.pread(descriptor, size - self._read_to, self._read_to)
            whole = data[: data.rfind(b"\n") + 1]
            self._ids.update(whole.decode("ascii", "replace").split())
            self._read_to += len(whole)
            if self._alone and size > self._compact_at:
                self._compact(descriptor)
        finally:
            os.close(descriptor)
        return self._ids

    def _compact(self, descriptor: int) -> None:
        """Drop ids from the log that are in no folder any more, or else it would grow for ever."""
        present = sorted(set(self._present()))
        disk.truncate(descriptor, 0)
        append_to(descriptor, "\n".join(present).encode(), point=_LOG)
        self._read_to = os.fstat(descriptor).st_size
        # where that many tasks are there, each put would compact again
        self._compact_at = max(_COMPACT_AT, 2 * self._read_to)


class SpentIds:
    """Ids that no task will have again, one a line, for ever: of pruned tasks, and of events taken into another task."""

    def __init__(self, log: Path, durability: Durability) -> None:
        self._log = log
        self._durability: Durability = durability
        self._ids: set[str] = set()
        self._read_to = 0

    def __contains__(self, task_id: str) -> bool:
        try:
            grown = os.stat(self._log).st_size > self._read_to  # noqa: PTH116 - at each put
        except FileNotFoundError:
            return False
        if grown:
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


def _open_log(path: Path) -> int:
    """Open the log, made if missing; return -1 when there is something that is no regular file."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = disk.open_file(path, flags)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            return -1
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1
