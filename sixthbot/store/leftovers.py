"""What lies about and nobody asks for any more: of tasks and rules that are gone, files kept aside, old reports."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from sixthbot.store.atomic import point, remove
from sixthbot.store.clock import last_change
from sixthbot.store.jsonfile import ASIDE
from sixthbot.store.state.arrived import note_names
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
    """Remove what was last written or put aside before a moment; checkpoints of `tasks` (ids) and traces of `rules` (names) stay.

    Return how many files went. What people wrote, rejected inbox files among it, is never looked at.
    """
    gone = 0
    found = (
        _orphans(places, tasks), kept_aside(places), _reports(places), _traces(places, rules),
        _files(places.local / "torn", "*"), _arrivals(places),
    )  # fmt: skip
    for path in chain.from_iterable(found):
        if gone >= _AT_ONCE:
            break
        try:
            old = last_change(os.lstat(path)) < before.timestamp()
        except FileNotFoundError:
            continue
        gone += old and remove(path, point=_REMOVE)
    return gone


def _orphans(places: Places, tasks: Collection[str]) -> Iterator[Path]:
    for path in _files(places.checkpoints, "*.json", "*.items"):
        name = path.name.partition(".")[0]
        if is_task_id(name) and name not in tasks:
            yield path


def kept_aside(places: Places) -> Iterator[Path]:
    """Yield the bot's own files, here and in the person's data folder, that could not be read and were kept."""
    for folder in (
        places.checkpoints, places.cursors, places.operations, places.queue, places.cache, places.local / "arrived",
        places.beside, places.data_dir, places.data_dir / "approvals",
    ):  # fmt: skip
        yield from _files(folder, *ASIDE)


def _arrivals(places: Places) -> Iterator[Path]:
    """Yield the notes on inbox files of other clones that are not in the inbox any more: nobody asks for those."""
    folder = places.local / "arrived"
    if folder.is_dir() and places.inbox.is_dir():
        needed = note_names(path.name for path in places.inbox.iterdir())
        yield from (path for path in _files(folder, "*.json") if path.name not in needed)


def _reports(places: Places) -> Iterator[Path]:
    return _files(places.logs, *_REPORTS)


def _traces(places: Places, rules: Collection[str]) -> Iterator[Path]:
    known = {trace_name(rule) for rule in rules}
    return (path for path in _files(places.local / "traces", TRACES) if path.name not in known)


def _files(folder: Path, *patterns: str) -> Iterator[Path]:
    return (path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file())
