"""Tasks that are over, and how their files leave the queue; what is to leave, and when, others decide."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.store.atomic import point, remove
from sixthbot.store.clock import last_change
from sixthbot.store.counting import task_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_REMOVE = point("queue.prune")


class DoneTasks:
    """The folder of finished tasks. `spend` keeps their ids, so that no event makes one of them again."""

    def __init__(self, files: TaskFiles, spend: Callable[[Collection[str]], None]) -> None:
        self._files = files
        self._folder = f"{files.root}/done"
        self._spend = spend

    def old(self, before: datetime, newest: int) -> Iterator[Task]:
        """Yield finished tasks that ended before a moment, or are not among so many that ended last; the earliest first.

        When a task ended is told by its file. Its name tells when it should have begun, which may be long before, of one
        that waited for a person, or long after, of one that was put off and then cancelled.
        """
        ended = sorted(self._ended())
        limit = before.timestamp()
        for place, (when, name) in enumerate(ended):
            if when >= limit and place >= len(ended) - newest:
                return
            task = self._files.load(f"{self._folder}/{name}")
            if task is not None:
                yield task

    def _ended(self) -> Iterator[tuple[float, str]]:
        for name in task_names(self._folder):
            with suppress(FileNotFoundError):
                yield last_change(os.lstat(f"{self._folder}/{name}")), name

    def remove(self, tasks: Sequence[Task]) -> int:
        """Remove the files of finished tasks; return how many were there. Removing may take milliseconds for each."""
        self._spend([task.id for task in tasks])
        found = [self._files.find(task) for task in tasks]
        return sum(remove(one[0], point=_REMOVE) for one in found if one is not None)
