"""The sorted names of a folder, read again only when it changed: why a claim costs the same at any backlog."""

from __future__ import annotations

import os
import time
from bisect import insort
from typing import TYPE_CHECKING

from sixthbot.store.taskfile import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TICK = 0.05
"""Seconds within which two changes of a folder may carry the same time, generously."""

_REST = 20
"""A folder that changes all the time is left alone for so many times as long as reading it took, ..."""

_LONGEST_REST = 2.0
"""... but for no more than these seconds."""


class Listing:
    """Names of the task files in one folder, in order of deadline. Not for use by two threads at once.

    While the folder changes all the time the list may be two seconds old: a name in it may be gone, a newer one
    not there yet. An empty list is never an old one, and what this process put there is always in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readings = 0
        """How often the folder was read: the list is the same as long as this is."""
        self._names: list[str] = []
        self._first = 0
        self._gone: set[str] = set()
        self._stamp = -1
        self._settled = False
        self._read_at = 0.0
        self._cost = 0.0

    def refresh(self, *, at_once: bool = False) -> None:
        """Read the folder again if it changed and, unless `at_once`, it has rested long enough."""
        try:
            stamp = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp == self._stamp and self._settled:
            return
        started = time.monotonic()  # how old the list is; no decision about a task looks at it
        rest = min(_LONGEST_REST, max(_TICK, _REST * self._cost))
        if not at_once and self._first < len(self._names) and started - self._read_at < rest:
            return
        # a change in the same tick as the one seen would leave the same time: then this is not the last word
        self._settled = time.time() - stamp / 1e9 > _TICK
        self._stamp = stamp
        self._names, self._first, self._gone = sorted(task_names(self.folder)), 0, set()
        self.readings += 1
        self._read_at = time.monotonic()
        self._cost = self._read_at - started

    def forget(self, name: str) -> None:
        """Do not hand out this name again: it is gone from the folder."""
        self._gone.add(name)
        while self._first < len(self._names) and self._names[self._first] in self._gone:
            self._first += 1

    def add(self, name: str) -> None:
        """Hand out a name that this process has just put into the folder, in its turn."""
        self._gone.discard(name)
        insort(self._names, name, lo=self._first)

    def __iter__(self) -> Iterator[str]:
        names = self._names
        return (names[n] for n in range(self._first, len(names)) if names[n] not in self._gone)


def task_names(folder: Path) -> Iterator[str]:
    """Name the task files in a folder, in no order; folders, links and special files are nobody's tasks.

    A folder that is missing has none.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(SUFFIX) and name[0] != "." and entry.is_file(follow_symlinks=False):
                    yield name
    except (FileNotFoundError, NotADirectoryError):
        return


def count_tasks(folder: Path) -> int:
    """Return how many task files a folder has."""
    return sum(1 for _ in task_names(folder))


def folder_names(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; links are not followed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
