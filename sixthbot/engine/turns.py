"""Turns at work that several repositories of one process share: a limit for all, and the one that had least goes next."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

_LOOK = 0.2  # seconds until somebody who waits looks whether they are still to wait


class Turns:
    """At most `limit` turns at a time, for anybody who asks. Safe to use from several threads.

    A free turn goes to whoever asks under the name that has the fewest turns, and of those to the one whose last turn
    began longest ago. So a busy repository uses all turns while it is alone, and hands over the next one that ends.
    """

    def __init__(self, limit: int) -> None:
        self._free = max(limit, 1)
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._waiting: dict[Hashable, int] = {}
        self._taken: dict[Hashable, int] = {}
        self._last: dict[Hashable, int] = {}

    @contextmanager
    def taken(self, who: Hashable, *, unless: Callable[[], bool]) -> Iterator[bool]:
        """Wait for a turn and keep it for a block; gives False, without one, once `unless` says so."""
        got = self._take(who, unless)
        try:
            yield got
        finally:
            if got:
                self._give_back(who)

    def _take(self, who: Hashable, unless: Callable[[], bool]) -> bool:
        with self._changed:
            self._waiting[who] = self._waiting.get(who, 0) + 1
            try:
                while not (self._free and self._is_next(who)):
                    if unless():
                        return False
                    self._changed.wait(_LOOK)
                self._free -= 1
                self._taken[who] = self._taken.get(who, 0) + 1
                self._last[who] = next(self._numbers)
                return True
            finally:
                self._waiting[who] -= 1
                if not self._waiting[who]:
                    del self._waiting[who]
                self._changed.notify_all()

    def _give_back(self, who: Hashable) -> None:
        with self._changed:
            self._free += 1
            self._taken[who] -= 1
            self._changed.notify_all()

    def _is_next(self, who: Hashable) -> bool:
        return min(self._waiting, key=lambda one: (self._taken.get(one, 0), self._last.get(one, 0))) == who
