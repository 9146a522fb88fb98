"""One line of a journal: what it holds, and how a file of them is read from either end."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sixthbot.store.reading import open_plain
from sixthbot.store.tail import lines_backwards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


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
DETAILS = _NAMES - {"time", "actor", "n", "kind", "level", "message"}
"""The fields that whoever appends a record may give or leave out."""


def line_of(record: Record) -> bytes:
    """Return a record as the bytes of its line, without the newline; what is None is left out."""
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


_TEXTS = ("task", "issue", "event", "rule", "rule_hash", "action", "commit")


def _sound(data: Mapping[str, Any]) -> bool:
    """Tell whether every field has a value that it can have; the file is anybody's to edit."""
    needed = (data.get(name) for name in ("time", "actor", "kind", "level", "message"))
    argv, details = data.get("argv"), data.get("data")
    return (
        all(isinstance(text, str) for text in needed)
        and isinstance(data.get("n"), int)
        and all(isinstance(data.get(name), str | None) for name in _TEXTS)
        and isinstance(data.get("step"), str | int | None)
        and isinstance(data.get("exit"), int | None)
        and isinstance(data.get("duration"), int | float | None)
        and (argv is None or (isinstance(argv, tuple) and all(isinstance(word, str) for word in argv)))
        and (details is None or isinstance(details, dict))
    )


def records(path: Path, *, backwards: bool) -> Iterator[Record]:
    """Yield the records of one file from either end; lines that are torn or not records are left out."""
    lines = lines_backwards(path) if backwards else _lines(path)
    return (record for line in lines if (record := parse_line(line)) is not None)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with open_plain(path) as file:
            yield from file
    except OSError:
        return
