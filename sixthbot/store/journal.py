"""The journal: what happened, one JSON object a line, appended and never changed, in files of one actor each.

A file that is long enough is closed: nobody appends to it any more, and the next record begins another one, named
after its number. No file is renamed, so that whoever copies them copies each line once.
"""

from __future__ import annotations

import heapq
import logging
import os
import stat
import threading
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from sixthbot.core.times import format_time
from sixthbot.store import disk
from sixthbot.store.actor import actor_id
from sixthbot.store.atomic import (
    Durability,
    append_to,
    make_dirs,
    point,
    read_small,
    remove,
    sync_folder,
    write_file,
)
from sixthbot.store.locks import exclusive
from sixthbot.store.news import ring
from sixthbot.store.records import DETAILS, UNPACKED_LIMIT, Record, line_of, records
from sixthbot.store.redact import Masked, redact, redact_text, redact_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["Journal", "Record", "redact", "redact_text"]

_APPEND = point("journal.append")
_PACK = point("journal.pack")
_PACKED = point("journal.pack.remove")
SEGMENT = 8 << 20
"""Bytes after which a file is closed and a new one begun."""
PACKED = ".gz"
"""What the name of a compressed file ends with."""
_PLAIN = 2
"""So many files of an actor, the newest, are never compressed: they are what people and programs look at most."""
_LEVELS = logging.getLevelNamesMapping()
_log = logging.getLogger("sixthbot.journal")
_log.addHandler(logging.NullHandler())  # warnings are told from the file; Python would print them, too


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
        self._own: Path | None = None
        self._last = (0, 0)

    @property
    def path(self) -> Path:
        """This clone's own file that grows, for whoever wants to follow it."""
        own = [path for path in self.paths() if actor_of(path) == self._own_actor()]
        return max(own, key=_place, default=self._folder / f"{self._own_actor()}.jsonl")

    def paths(self) -> list[Path]:
        """Return all actors' files but the compressed ones; links, folders and special files are nobody's."""
        return self._files(".jsonl")

    def _files(self, ending: str) -> list[Path]:
        try:
            named = (path for path in self._folder.iterdir() if path.name.endswith(ending))
            return sorted(path for path in named if stat.S_ISREG(path.lstat().st_mode))
        except FileNotFoundError:
            return []

    def _by_actor(self) -> dict[str, list[Path]]:
        """Return each actor's files, the compressed ones with them, oldest first."""
        plain = self.paths()
        there = {path.name for path in plain}
        # a compressed file whose plain one is there was not finished, or that came back from the state
        packed = [path for path in self._files(PACKED) if path.name.removesuffix(PACKED) not in there]
        actors: dict[str, list[Path]] = {}
        for path in sorted((*packed, *plain), key=_place):
            actors.setdefault(actor_of(path), []).append(path)
        return actors

    def pack(self) -> bool:
        """Compress the oldest closed file that is not; return whether there was one. Takes half a second for it."""
        for paths in self._by_actor().values():
            for path in paths[:-_PLAIN]:
                if path.name.endswith(PACKED) or path.lstat().st_size > UNPACKED_LIMIT:
                    continue
                import gzip  # noqa: PLC0415 - only here, and for reading such files

                data = gzip.compress(read_small(path, UNPACKED_LIMIT), mtime=0)
                whole = path.with_name(path.name + PACKED)
                write_file(whole, data, point=_PACK, durability=self._durability)
                remove(path, point=_PACKED)
                return True
        return False

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
            if self._last[0] >= SEGMENT and self._durability == "power":
                disk.sync(descriptor)  # so that `sync` has only one file to look after
            disk.tell_longer(self._own or self.path)
        ring()
        told = {
            name: value
            for name, value in details.items()
            if name not in {"data", "argv"} and value is not None
        }
        _log.log(
            _LEVELS.get(level.upper(), logging.INFO), Masked(record.message), extra={"kind": kind, **told}
        )
        return record

    def go_on_after(self, number: int) -> None:
        """Give the next record a number after this one, also where the last record there is has a smaller one."""
        with self._guard:
            self._last = (0, max(number, self._last[1]))

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
            path = self._own = self._own or self.path
            descriptor = disk.open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW)
            try:
                with exclusive(descriptor):
                    if not _is_there(descriptor, path):
                        self._own, self._last = None, (0, self._last[1])
                    elif (
                        os.fstat(descriptor).st_size >= SEGMENT
                    ):  # it is closed, whoever wrote its last record
                        number = max(self._next(descriptor), _place(path) + 1)
                        self._own = path.with_name(f"{self._own_actor()}.{number:09d}.jsonl")
                        self._last = (0, self._last[1])
                    else:
                        yield descriptor
                        return
            finally:
                os.close(descriptor)

    def note(self, kind: str, message: str, *, level: str = "info", **details: Any) -> None:
        """Do what `append` does, for whoever needs nothing back."""
        self.append(kind, message, level=level, **details)

    def read(
        self,
        *,
        newest_first: bool = False,
        where: Callable[[Record], bool] | None = None,
        worth: Callable[[bytes], bool] | None = None,
    ) -> Iterator[Record]:
        """Yield the records of all actors in order of time; lines that are torn or not records are left out.

        `where` says which ones are wanted. `worth` is asked before that of each line as it stands there, such as
        `naming` ids: what is not parsed costs next to nothing.
        """
        # of one actor at a time only one file is open
        streams = (
            chain.from_iterable(
                records(path, backwards=newest_first, worth=worth)
                for path in (reversed(paths) if newest_first else paths)
            )
            for paths in self._by_actor().values()
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
            path = self._own or self.path
            found = next((record.n for record in records(path, backwards=True)), 0)
            # somebody may have taken the file away that has this process's own last record
            number = max(found, _place(path) - 1, number)
        return number + 1


def actor_of(path: Path) -> str:
    """Return whose file of the journal that is."""
    return path.name.partition(".")[0]


def _is_there(descriptor: int, path: Path) -> bool:
    """Tell whether an open file still has its name: somebody may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _place(path: Path) -> int:
    """Return what the files of one actor are sorted by: the number of the first record, 0 for the very first file."""
    number = path.name.split(".")[1]
    return int(number) if number.isdecimal() and number.isascii() else 0
