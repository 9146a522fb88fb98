"""Tasks that are over, and how their files leave the queue; what is to leave, and when, others decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.times import sortable
from sixthbot.store.atomic import point, remove
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
        """Yield finished tasks whose deadline was before a moment, or that are not among so many newest; oldest first."""
        names = sorted(task_names(self._folder))
        limit = sortable(before)
        for place, name in enumerate(names):
            if name >= limit and place >= len(names) - newest:
                return
            task = self._files.load(f"{self._folder}/{name}")
            if task is not None:
                yield task

    def remove(self, tasks: Sequence[Task]) -> int:
        """Remove the files of finished tasks; return how many were there. Removing may take milliseconds for each."""
        self._spend([task.id for task in tasks])
        found = [self._files.find(task) for task in tasks]
        return sum(remove(one[0], point=_REMOVE) for one in found if one is not None)
