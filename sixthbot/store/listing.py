"""The sorted names of a folder, read again only when it changed: why a claim costs the same at any backlog."""

from __future__ import annotations

import os
import time
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from sixthbot.store.counting import count_tasks, task_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Listing", "count_tasks"]

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
        self._path = str(folder)
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
            stamp = os.stat(self._path).st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp == self._stamp and self._settled:
            return
        started = time.monotonic()  # how old the list is; no decision about a task looks at it
        rest = min(_LONGEST_REST, max(_TICK, _REST * self._cost))
        if not at_once and self._first < len(self._names) and started - self._read_at < rest:
            return
        # a change in the same tick as the one seen would leave the same time: then this is not the last word
        settled = abs(time.time() - stamp / 1e9) > _TICK
        self._names, self._first, self._gone = sorted(task_names(self._path)), 0, set()
        self._stamp, self._settled = stamp, settled  # only once it was read, which may fail
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

    def beyond(self, bound: str) -> list[str]:
        """Return the names from `bound` on, in order; some of them may be gone."""
        return self._names[bisect_left(self._names, bound, lo=self._first) :]

    def __bool__(self) -> bool:
        return self._first < len(self._names)

    def __iter__(self) -> Iterator[str]:
        names = self._names
        return (names[n] for n in range(self._first, len(names)) if names[n] not in self._gone)
