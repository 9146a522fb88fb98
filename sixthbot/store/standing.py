"""The tasks that come after others, and how those stand: told from names of files as far as that goes."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, TypeGuard

from sixthbot.core.following import Standing
from sixthbot.core.tasks import FOLLOWING, Blocked, Done, Parked
from sixthbot.store.listing import Listing
from sixthbot.store.taskfile import id_in_name

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.known import SpentIds
    from sixthbot.store.taskfiles import TaskFiles

_AFTER = ("waiting", "parked", "failed", "running")
"""Where followers of a task that is not over lie: one that is ready waits for nobody any more."""

_FEW = 1000
"""So many waiting and parked tasks are looked through at each change; more than these, now and then."""


class Followers:
    """The followers in one queue's folder: tasks that come after others. `spent` are ids of tasks that were pruned."""

    def __init__(self, root: Path, files: TaskFiles, spent: SpentIds) -> None:
        self._files = files
        self._spent = spent
        self._guard = threading.Lock()
        self._listings = (Listing(root / "waiting"), Listing(root / "parked"))
        self._read = (-1, -1)
        self._paths: list[str] = []
        self._names = 0

    def current(self) -> list[Task]:
        """Return them as they are now: those that wait, and those parked for a predecessor.

        Their folders are read again only when they changed; where many tasks wait, what came within the last
        two seconds may be missing.
        """
        with self._guard:
            for listing in self._listings:
                listing.refresh(at_once=self._names < _FEW)
            read = (self._listings[0].readings, self._listings[1].readings)
            if read != self._read:
                paths = [f"{listing.folder}/{name}" for listing in self._listings for name in listing]
                self._names = len(paths)
                self._paths = [path for path in paths if _follows(self._files.load(path))]
                self._read = read
            return [task for path in self._paths if _follows(task := self._files.load(path))]

    def of(self, task: Task) -> list[Task]:
        """Return the tasks that come after one and are not over; of other tasks' files only the bytes are looked at."""
        words = (json.dumps(task.id).encode(),)
        states = ("ready", *_AFTER) if isinstance(task.state, Done) else _AFTER
        found = (
            self._files.load(path)
            for path in self._files.paths(states)
            if id_in_name(path.rpartition("/")[2]) != task.id and self._files.mentions(path, words)
        )
        return [other for other in found if other is not None and task.id in other.after]

    def standings(self, wanted: Collection[str]) -> dict[str, Standing]:
        """Return how each of the wanted tasks stands. Looks at the names of all files, once, however many are wanted."""
        found: dict[str, Standing] = {}
        for path in self._files.paths():
            task_id = id_in_name(path.rpartition("/")[2])
            if task_id is not None and task_id in wanted:
                found.setdefault(task_id, self._standing(path))
        for task_id in set(wanted) - set(found):
            found[task_id] = self._elsewhere(task_id)
        return found

    def _standing(self, path: str) -> Standing:
        folder = path.split("/")[-2]
        if folder == "failed":
            return Standing.FAILED
        if folder != "done":
            return Standing.OPEN
        task = self._files.load(path)
        cancelled = task is not None and isinstance(task.state, Done) and task.state.result == "cancelled"
        return Standing.CANCELLED if cancelled else Standing.SUCCEEDED

    def _elsewhere(self, task_id: str) -> Standing:
        """Tell how a task stands that was in no folder: it may have been on its way from one to another."""
        if self._files.search(task_id) or self._files.search(task_id):
            return Standing.OPEN  # as good as true: when it ends, or at the next look, it is asked again
        return Standing.FORGOTTEN if task_id in self._spent else Standing.UNKNOWN


def _follows(task: Task | None) -> TypeGuard[Task]:
    if task is None:
        return False
    return isinstance(task.state, Blocked) or (
        isinstance(task.state, Parked) and task.state.kind == FOLLOWING and bool(task.after)
    )
