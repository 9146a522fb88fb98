"""One line of a journal: what it holds, and how a file of them is read from either end."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.story import TOLD_STATES
from sixthbot.store.reading import open_plain
from sixthbot.store.tail import lines_backwards

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from sixthbot.core.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened. What does not apply is None; docs/journal.md is made from the table MEANINGS."""

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
    usage: Mapping[str, float] | None = None
    data: Mapping[str, Any] | None = None


MEANINGS: Mapping[str, str] = MappingProxyType({
    "time": "when, as RFC 3339 in UTC",
    "actor": "who wrote it: this clone, as bound to host, path and folder",
    "n": "counts from 1 for each actor; two have the same one only where its file was taken away in between",
    "kind": "what happened, a dotted word such as `task.claimed`",
    "level": "`debug`, `info`, `warning` or `error`",
    "message": "the same in words, one line, without secrets",
    "task": "id of the task it is about",
    "issue": "id of the issue",
    "event": "id of the event that the task was made for",
    "rule": "name of the rule",
    "rule_hash": "hash of the rule as the task was made with, or follows now (`rule.changed`)",
    "step": "index of the step in the rule's `do`, from 0",
    "action": "name of the step's action",
    "argv": "the program and its arguments, secrets replaced by `***`",
    "commit": "full id of the commit it is about",
    "exit": "exit status; above 128 the signal that ended it; absent when it did not end by itself",
    "duration": "seconds",
    "usage": "what it took: `cpu` seconds, `memory` bytes at the most, `tokens_in` and `tokens_out` of a model",
    "data": "more, by kind; JSON values",
})  # fmt: skip
"""What each field of a record says."""

_NAMES = frozenset(field.name for field in fields(Record))
DETAILS = _NAMES - {"time", "actor", "n", "kind", "level", "message"}
"""The fields that whoever appends a record may give or leave out."""


def about(task: Task) -> dict[str, Any]:
    """Return the fields of a record that say which task it is about."""
    return {
        "task": task.id,
        "issue": task.issue or None,
        "event": task.event.id,
        "rule": task.rule,
        "rule_hash": task.rule_hash or None,
    }


def became(kind: str, task: Task, before: Task | None = None, **data: Any) -> dict[str, Any]:
    """Return the fields of a record of that kind about a task that came to its state, for `core.story` to fold.

    What the kind does not say by itself is in `data`: another state than usual, and counts that changed.
    """
    state = task.state.name
    told: dict[str, Any] = {} if TOLD_STATES[kind] == state else {"state": state}
    old = (0, 0) if before is None else (before.attempts, before.crashes)
    if (task.attempts, task.crashes) != old:
        told |= {"attempts": task.attempts, "crashes": task.crashes}
    return {**about(task), "data": {**told, **data} or None}


_MOST = frozenset({"memory"})


def add_usage(total: dict[str, float], more: Mapping[str, float]) -> None:
    """Add what something took to a total; of memory, the most counts."""
    for name, value in more.items():
        before = total.get(name, 0)
        total[name] = max(before, value) if name in _MOST else round(before + value, 3)


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
    argv, details, usage = data.get("argv"), data.get("data"), data.get("usage")
    return (
        all(isinstance(text, str) for text in needed)
        and isinstance(data.get("n"), int)
        and all(isinstance(data.get(name), str | None) for name in _TEXTS)
        and isinstance(data.get("step"), str | int | None)
        and isinstance(data.get("exit"), int | None)
        and isinstance(data.get("duration"), int | float | None)
        and (argv is None or (isinstance(argv, tuple) and all(isinstance(word, str) for word in argv)))
        and (details is None or isinstance(details, dict))
        and (usage is None or isinstance(usage, dict))
    )


def records(path: Path, *, backwards: bool, worth: Callable[[bytes], bool] | None = None) -> Iterator[Record]:
    """Yield the records of one file from either end; lines that are torn or not records are left out.

    `worth` is asked of each line first: to parse one costs twenty times as much.
    """
    packed = path.with_name(f"{path.name}.gz")
    if not path.name.endswith(".gz") and not path.exists() and packed.exists():
        path = packed  # it was compressed since its name was read
    if path.name.endswith(".gz"):
        lines = reversed([*_unpacked(path)]) if backwards else _unpacked(path)
    else:
        lines = lines_backwards(path) if backwards else _lines(path)
    read = lines if worth is None else filter(worth, lines)
    return (record for line in read if (record := parse_line(line)) is not None)


def naming(texts: Collection[str]) -> Callable[[bytes], bool]:
    """Return what tells whether a line has one of these texts anywhere; it is no promise that it is about one."""
    return _one_of([json.dumps(text)[1:-1].encode("ascii") for text in texts])


def at_level(levels: Collection[str], others: Collection[str]) -> Callable[[bytes], bool]:
    """Return what tells whether a line may be of one of these levels, or of one that is among neither."""
    wanted, unwanted = (
        _one_of([b'"level":"%b"' % level.encode() for level in each]) for each in (levels, others)
    )
    return lambda line: not unwanted(line) or wanted(line)


def _one_of(words: Sequence[bytes]) -> Callable[[bytes], bool]:
    def found(line: bytes) -> bool:
        for word in words:  # noqa: SIM110 - `any` takes thrice as long
            if word in line:
                return True
        return False

    return found


def count_torn(path: Path) -> int:
    """Return how many lines of a file are no records; a compressed file that is not whole has one more."""
    lines = _unpacked(path, ending=b"cut off") if path.name.endswith(".gz") else _lines(path)
    return sum(1 for line in lines if line.strip() and parse_line(line) is None)


UNPACKED_LIMIT = 64 << 20
"""Bytes of a compressed file that are read; a longer one nobody but a person made."""


def _unpacked(path: Path, *, ending: bytes = b"") -> Iterator[bytes]:
    """Yield the lines of a compressed file, as far as it is whole and of bearable length; then, if not, `ending`."""
    import gzip  # noqa: PLC0415 - most journals have no such file
    import zlib  # noqa: PLC0415

    left = UNPACKED_LIMIT
    try:
        with open_plain(path) as file, gzip.open(file) as unpacked:
            while left > 0 and (line := unpacked.readline(left)):
                left -= len(line)
                yield line
    except (OSError, EOFError, zlib.error):
        left = 0
    if left <= 0:
        yield ending


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with open_plain(path) as file:
            yield from file
    except OSError:
        return
