"""What lies about and nobody asks for any more: of tasks and rules that are gone, files kept aside, old reports."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from sixthbot.store.atomic import point, remove
from sixthbot.store.taskfile import is_task_id
from sixthbot.store.traces import TRACES, trace_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from sixthbot.store.paths import Places

_REMOVE = point("leftover.remove")
_REPORTS = ("bug-*.txt", "stacks-*.txt")
_AT_ONCE = 200
"""So many go with one sweep: the rest with the next ones."""


def sweep_leftovers(
    places: Places, tasks: Collection[str], before: datetime, *, rules: Collection[str]
) -> int:
    """Remove what was last changed before a moment; checkpoints of `tasks` (ids) and traces of `rules` (names) stay.

    Return how many files went. What people wrote, rejected inbox files among it, is never looked at.
    """
    gone = 0
    found = (
        _orphans(places, tasks), _kept_aside(places), _reports(places), _traces(places, rules),
        _files(places.local / "torn", "*"),
    )  # fmt: skip
    for path in chain.from_iterable(found):
        if gone >= _AT_ONCE:
            break
        try:
            old = os.lstat(path).st_mtime < before.timestamp()
        except FileNotFoundError:
            continue
        gone += old and remove(path, point=_REMOVE)
    return gone


def _orphans(places: Places, tasks: Collection[str]) -> Iterator[Path]:
    for path in _files(places.checkpoints, "*.json", "*.items"):
        name = path.name.partition(".")[0]
        if is_task_id(name) and name not in tasks:
            yield path


def _kept_aside(places: Places) -> Iterator[Path]:
    for folder in (places.checkpoints, places.cursors, places.operations):
        yield from _files(folder, "*.damaged", "*.damaged.*")


def _reports(places: Places) -> Iterator[Path]:
    return _files(places.logs, *_REPORTS)


def _traces(places: Places, rules: Collection[str]) -> Iterator[Path]:
    known = {trace_name(rule) for rule in rules}
    return (path for path in _files(places.local / "traces", TRACES) if path.name not in known)


def _files(folder: Path, *patterns: str) -> Iterator[Path]:
    return (path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file())
