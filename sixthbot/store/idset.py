"""A set of task ids that stays small with millions of them: numbers in order, and the last few as they came."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGITS = frozenset("0123456789abcdef")
_LENGTH = 13
_RECENT = 4096


class IdSet:
    """Ids can be added and looked up. One of the usual form, `t` and twelve hex digits, takes eight bytes."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._sorted = array("Q")
        self._recent: set[int] = set()
        self._others: set[str] = set()
        self.update(ids)

    def update(self, ids: Iterable[str]) -> None:
        """Add ids."""
        for task_id in ids:
            number = _number(task_id)
            if number is None:
                self._others.add(task_id)
            else:
                self._recent.add(number)
        if len(self._recent) > _RECENT + len(self._sorted) // 8:
            self._sorted = array("Q", sorted(self._recent.union(self._sorted)))
            self._recent = set()

    def __contains__(self, task_id: str) -> bool:
        number = _number(task_id)
        if number is None:
            return task_id in self._others
        if number in self._recent:
            return True
        place = bisect_left(self._sorted, number)
        return place < len(self._sorted) and self._sorted[place] == number


def _number(task_id: str) -> int | None:
    if len(task_id) == _LENGTH and task_id[0] == "t" and _DIGITS.issuperset(task_id[1:]):
        return int(task_id[1:], 16)
    return None
