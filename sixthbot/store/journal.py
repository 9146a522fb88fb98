"""The journal: what happened, one JSON object a line, appended and never changed, one file for each actor."""

from __future__ import annotations

import heapq
import json
import os
import threading
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sixthbot.core.times import format_time
from sixthbot.store.actor import actor_id
from sixthbot.store.atomic import Durability, append_to, make_dirs, point
from sixthbot.store.locks import exclusive
from sixthbot.store.redact import redact, redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

__all__ = ["Journal", "Record", "redact", "redact_text"]

_APPEND = point("journal.append")
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened. `n` counts from 1 for each actor; `time` is RFC 3339; `duration` is in seconds.

    `kind` is a dotted word, such as `task.claimed`; `level` is debug, info, warning or error. What does not apply
    is None. `data` holds JSON values.
    """

    time: str
    actor: str
    n: int
    kind: str
    level: str
    message: str
    task: str | None = None
    issue: str | None = None
    event: str | None = None
    rule: str | None = None
    rule_hash: str | None = None
    step: str | int | None = None
    action: str | None = None
    argv: tuple[str, ...] | None = None
    commit: str | None = None
    exit: int | None = None
    duration: float | None = None
    data: Mapping[str, Any] | None = None


_NAMES = frozenset(field.name for field in fields(Record))
_GIVEN = _NAMES - {"time", "actor", "n", "kind", "level", "message"}


class Journal:
    """All actors' files in one folder; this clone's own is the one that grows."""

    def __init__(
        self, folder: Path, local: Path, *, durability: Durability, clock: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._local = local
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
        """Return all actors' files."""
        try:
            return sorted(path for path in self._folder.iterdir() if path.name.endswith(".jsonl"))
        except FileNotFoundError:
            return []

    def append(self, kind: str, message: str, *, level: str = "info", **details: Any) -> Record:
        """Write down one thing that happened; `details` are fields of Record, None for what does not apply.

        Secrets in `argv` and in the message are masked. A name that Record does not have raises TypeError.
        """
        unknown = set(details) - _GIVEN
        if unknown:
            raise TypeError(f"the journal has no field {min(unknown)!r}")
        if details.get("argv") is not None:
            details["argv"] = tuple(redact([str(word) for word in details["argv"]]))
        make_dirs(self._folder)
        with self._guard:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            try:
                with exclusive(descriptor):
                    record = Record(
                        time=format_time(self._clock()), actor=self._own_actor(), n=self._next(descriptor),
                        kind=kind, level=level, message=redact_text(message), **details,
                    )  # fmt: skip
                    append_to(descriptor, _line(record))
                    self._last = (os.fstat(descriptor).st_size, record.n)
                if self._durability == "power" and level == "error":
                    os.fsync(descriptor)  # the rest says how work went; what was done is known from git
            finally:
                os.close(descriptor)
        return record

    def read(
        self, *, newest_first: bool = False, where: Callable[[Record], bool] | None = None
    ) -> Iterator[Record]:
        """Yield the records of all actors in order of time; lines that are torn or not records are left out.

        `where` says which ones are wanted.
        """
        streams = (_records(path, backwards=newest_first) for path in self.paths())
        merged = heapq.merge(*streams, key=lambda record: record.time, reverse=newest_first)
        return (record for record in merged if where is None or where(record))

    def _own_actor(self) -> str:
        if not self._actor:
            make_dirs(self._local)
            self._actor = actor_id(self._local)
        return self._actor

    def _next(self, descriptor: int) -> int:
        """Return the number of the next record; the file is looked at only when another process wrote to it."""
        size, number = self._last
        if size == 0 or os.fstat(descriptor).st_size != size:
            number = next((record.n for record in _records(self.path, backwards=True)), 0)
        return number + 1


def _line(record: Record) -> bytes:
    data = {name: value for name in _ORDER if (value := getattr(record, name)) is not None}
    return json.dumps(data, separators=(",", ":")).encode("ascii")


_ORDER = tuple(field.name for field in fields(Record))


def parse_line(line: bytes) -> Record | None:
    """Return the record in one line of a journal; None for a torn line or something else."""
    try:
        data = json.loads(line)
        if not isinstance(data, dict):
            return None
        known = {name: value for name, value in data.items() if name in _NAMES}
        if isinstance(known.get("argv"), list):
            known["argv"] = tuple(known["argv"])
        return Record(**known) if _sound(known) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _sound(data: Mapping[str, Any]) -> bool:
    texts = (data.get(name) for name in ("time", "actor", "kind", "level", "message"))
    return isinstance(data.get("n"), int) and all(isinstance(text, str) for text in texts)


def _records(path: Path, *, backwards: bool) -> Iterator[Record]:
    lines = lines_backwards(path) if backwards else _lines(path)
    return (record for line in lines if (record := parse_line(line)) is not None)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        return


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file from the last to the first, reading only as far as is asked for."""
    try:
        with path.open("rb") as file:
            left = file.seek(0, os.SEEK_END)
            rest: list[bytes] = []
            while left:
                size = min(_BLOCK, left)
                left -= size
                file.seek(left)
                first, *lines = file.read(size).split(b"\n")
                if not lines:
                    rest.append(first)
                    continue
                yield lines[-1] + b"".join(reversed(rest))
                yield from reversed(lines[:-1])
                rest = [first]
            yield b"".join(reversed(rest))
    except FileNotFoundError:
        return
