"""The folder for task files between two states: one that is to change its content where others may take it meanwhile.

It is taken there first, written anew and moved on. What a process died over there is moved on by whoever looks next.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Ready, Running
from sixthbot.store.atomic import make_dirs, move, point
from sixthbot.store.counting import task_names
from sixthbot.store.taskfile import id_in_name
from sixthbot.store.taskfiles import MOVING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_TAKE = point("queue.settle.take")
REWRITE = point("queue.settle.rewrite")
SETTLE = point("queue.settle")


class Between:
    """Such a folder below one queue. `alone` keeps other threads and processes out while files are in it."""

    def __init__(
        self, root: Path, files: TaskFiles, alone: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._folder = root / MOVING
        self._path = str(self._folder)
        self._files = files
        self._alone = alone

    def move(self, source: str, after: Task) -> None:
        """Move a file to the place of `after`, with that content. Raises FileNotFoundError when it is gone."""
        taken = f"{self._path}/{source.rpartition('/')[2]}"
        make_dirs(self._folder)
        with self._alone():
            self._move_on()
            try:
                move(source, taken, point=_TAKE, durability="process")
                self._files.write(taken, after, point=REWRITE)
            except OSError:
                if os.path.lexists(taken):  # also where the folders were not synced after the rename
                    move(taken, source, point=_TAKE, durability="process")
                raise
            self._files.move(taken, self._files.path_for(after), point=SETTLE)

    def finish(self) -> None:
        """Put files where they belong that a process took, and died over."""
        if os.access(self._path, os.F_OK) and any(task_names(self._path)):
            with self._alone():
                self._move_on()

    def holds(self, task_id: str) -> bool:
        """Tell whether a task is in it."""
        return os.access(self._path, os.F_OK) and any(
            id_in_name(name) == task_id for name in task_names(self._path)
        )

    def _move_on(self) -> None:
        for name in tuple(task_names(self._path)):
            path = f"{self._path}/{name}"
            content = self._files.content(path, quarantine=True)
            if content is not None:
                state = Ready() if isinstance(content.state, Running) else content.state
                self._files.move(path, self._files.path_for(replace(content, state=state)), point=SETTLE)
