"""What was read from files, kept as long as those are the same: so that a look at all of many costs no reading."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")
_Stamp = tuple[int, int, int, int]

_TICK = 50_000_000
"""Nanoseconds within which a second change of a file may carry the time of the first."""


class Unchanged(Generic[_T]):
    """Values by path. Safe to use from several threads: at worst a file is read twice."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[_Stamp, _T]] = {}

    def get(self, path: Path, read: Callable[[], _T]) -> _T:
        """Return what `read` gave for this file when it was as it is now, or let it read; what that raises is not kept."""
        stamp = _stamp(path)
        kept = self._kept.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        value = read()
        if stamp is not None and abs(time.time_ns() - stamp[2]) > _TICK:
            self._kept[path] = (stamp, value)
        return value


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
