"""Ready tasks that a claim passed over, by what held them back, so that the next claim does not read them again."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sixthbot.core.tasks import Lane, Task

Group: TypeAlias = tuple[str, str]
"""A rule and a key: tasks of one group are held back together."""

_MOST_REMEMBERED = 200_000


class Sidelines:
    """Names of task files on the sidelines. Not for use by two threads at once.

    Of each group only the first is looked at again: where that is still held back, so are the others.
    """

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._waiting: dict[Group, list[tuple[str, Lane]]] = {}
        self._first_seen: dict[Group, Task] = {}

    def put(self, name: str, lane: Lane, task: Task) -> None:
        """Set a task aside that is held back."""
        group = (task.rule, task.key)
        if len(self._groups) >= _MOST_REMEMBERED:
            self._groups.clear()
        self._groups[name] = group
        self._first_seen.setdefault(group, task)
        heapq.heappush(self._waiting.setdefault(group, []), (name, lane))

    def takes(self, name: str, lane: Lane) -> bool:
        """Set a task aside without a look at its file, if its group is on the sidelines; tell whether it was."""
        group = self._groups.get(name)
        if group is None or group not in self._waiting:
            return False
        heapq.heappush(self._waiting[group], (name, lane))
        return True

    def bring_back(self, blocked: Callable[[Task], bool]) -> Iterator[tuple[str, Lane]]:
        """Yield the first task of each group that is held back no more; the rest of it follows at later claims."""
        for group in list(self._waiting):
            if blocked(self._first_seen[group]):
                continue
            name, lane = heapq.heappop(self._waiting[group])
            self._groups.pop(
                name, None
            )  # or the rest of its group would take it back before anybody looks at it
            yield name, lane
            if not self._waiting[group]:
                del self._waiting[group], self._first_seen[group]

    def forget(self, lane: Lane) -> None:
        """Forget what is set aside of a lane, whose folder was read again and names it all."""
        for group, entries in list(self._waiting.items()):
            left = [entry for entry in entries if entry[1] is not lane]
            if left:
                heapq.heapify(left)
                self._waiting[group] = left
            else:
                del self._waiting[group], self._first_seen[group]
