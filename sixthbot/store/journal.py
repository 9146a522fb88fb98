"""The journal: what happened, one JSON object a line, appended and never changed, one file for each actor."""

from __future__ import annotations

import heapq
import logging
import os
import stat
import threading
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from sixthbot.core.times import format_time
from sixthbot.store import disk
from sixthbot.store.actor import actor_id
from sixthbot.store.atomic import Durability, append_to, make_dirs, move, point, sync_folder
from sixthbot.store.locks import exclusive
from sixthbot.store.news import ring
from sixthbot.store.records import DETAILS, Record, line_of, records
from sixthbot.store.redact import redact, redact_text, redact_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["Journal", "Record", "redact", "redact_text"]

_APPEND = point("journal.append")
_CLOSE = point("journal.close")
SEGMENT = 8 << 20
"""Bytes after which a file is closed and a new one begun: what is closed never changes, and travels once."""
_LEVELS = logging.getLevelNamesMapping()
_log = logging.getLogger("sixthbot.journal")


class Journal:
    """All actors' files in one folder; this clone's own is the one that grows."""

    def __init__(
        self, folder: Path, beside: Path, *, durability: Durability, clock: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._beside = beside
        self._durability: Durability = durability
        self._clock = clock
        self._guard = threading.Lock()
        self._actor = ""
        self._last = (0, 0)

    @property
    def path(self) -> Path:
        """This clone's own file, for whoever wants to follow it."""
        return self._folder / f"{self._own_actor()}.jsonl"

    def paths(self) -> list[Path]:
        """Return all actors' files; links, folders and special files are nobody's."""
        try:
            named = (path for path in self._folder.iterdir() if path.name.endswith(".jsonl"))
            return sorted(path for path in named if stat.S_ISREG(path.lstat().st_mode))
        except FileNotFoundError:
            return []

    def append(self, kind: str, message: str, *, level: str = "info", **details: Any) -> Record:
        """Write down one thing that happened; `details` are fields of Record, None for what does not apply.

        Secrets in `argv`, `data` and the message are masked. A name that Record does not have raises TypeError.
        """
        unknown = set(details) - DETAILS
        if unknown:
            raise TypeError(f"the journal has no field {min(unknown)!r}")
        if details.get("argv") is not None:
            details["argv"] = tuple(redact([str(word) for word in details["argv"]]))
        if details.get("data") is not None:
            details["data"] = redact_value(details["data"])
        make_dirs(self._folder)
        with self._guard, self._opened() as descriptor:
            record = Record(
                time=format_time(self._clock()), actor=self._own_actor(), n=self._next(descriptor),
                kind=kind, level=level, message=redact_text(message), **details,
            )  # fmt: skip
            append_to(descriptor, line_of(record), point=_APPEND)
            self._last = (os.fstat(descriptor).st_size, record.n)
            if self._durability == "power" and level == "error":
                disk.sync(descriptor)  # the rest says how work went; what was done is known from git
            if self._last[0] >= SEGMENT:
                if self._durability == "power":
                    disk.sync(descriptor)  # so that `sync` has only one file to look after
                self._close(record.n)
        ring()
        told = {
            name: value
            for name, value in details.items()
            if name not in {"data", "argv"} and value is not None
        }
        _log.log(_LEVELS.get(level.upper(), logging.INFO), "%s", record.message, extra={"kind": kind, **told})
        return record

    def sync(self) -> None:
        """Make everything appended so far survive what `durability` says: before what it tells of is removed."""
        if self._durability == "power":
            with self._guard, self._opened() as descriptor:
                disk.sync(descriptor)
                sync_folder(self._folder)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Give this clone's file, with other processes kept out of it."""
        while True:
            descriptor = disk.open_file(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW)
            try:
                with exclusive(descriptor):
                    if self._is_current(descriptor):
                        yield descriptor
                        return
            finally:
                os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        """Tell whether the file is still the one that grows: another process may have closed it meanwhile."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.lstat())
        except FileNotFoundError:
            return False

    def _close(self, number: int) -> None:
        """Let the file be, under a name with the number of its last record; the next record begins a new one."""
        closed = self.path.with_name(f"{self._own_actor()}.{number:09d}.jsonl")
        with suppress(FileExistsError):  # a person put it there; this one grows on
            move(self.path, closed, point=_CLOSE, durability="process")
            self._last = (0, number)

    def note(self, kind: str, message: str, *, level: str = "info", **details: Any) -> None:
        """Do what `append` does, for whoever needs nothing back."""
        self.append(kind, message, level=level, **details)

    def read(
        self,
        *,
        newest_first: bool = False,
        where: Callable[[Record], bool] | None = None,
        having: str = "",
    ) -> Iterator[Record]:
        """Yield the records of all actors in order of time; lines that are torn or not records are left out.

        `where` says which ones are wanted. `having`, an id, leaves out what does not name it, at a tenth of the cost.
        """
        actors: dict[str, list[Path]] = {}
        for path in self.paths():
            actors.setdefault(path.name.partition(".")[0], []).append(path)
        # of one actor at a time only one file is open: the closed ones, by number, then the one that grows
        streams = (
            chain.from_iterable(
                records(path, backwards=newest_first, having=having.encode("ascii", "replace"))
                for path in sorted(paths, key=_place, reverse=newest_first)
            )
            for paths in actors.values()
        )
        merged = heapq.merge(*streams, key=lambda record: record.time, reverse=newest_first)
        return (record for record in merged if where is None or where(record))

    def _own_actor(self) -> str:
        if not self._actor:
            make_dirs(self._beside)
            self._actor = actor_id(self._beside)
        return self._actor

    def _next(self, descriptor: int) -> int:
        """Return the number of the next record; the file is looked at only when another process wrote to it."""
        size, number = self._last
        if size == 0 or os.fstat(descriptor).st_size != size:
            number = next((record.n for record in records(self.path, backwards=True)), 0)
            if not number:
                closed = self._folder.glob(f"{self._own_actor()}.*.jsonl")
                number = max((_place(path)[1] for path in closed), default=0)
        return number + 1


def _place(path: Path) -> tuple[bool, int]:
    """Return what the files of one actor are sorted by."""
    number = path.name.split(".")[1]
    return (False, int(number)) if number.isdecimal() and number.isascii() else (True, 0)
