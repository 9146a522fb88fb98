"""The folders of a queue and the task files in them: reads what is a task, sets aside what is not."""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.core.tasks import STATE_NAMES, Lane, Ready, Running, Task
from sixthbot.store import taskfile
from sixthbot.store.aside import put_aside
from sixthbot.store.atomic import Durability, make_dirs, move, point, read_small, write_file
from sixthbot.store.counting import SUFFIX, folder_names, state_folders, task_names
from sixthbot.store.taskfile import BadTaskFile, file_name, id_in_name, in_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from sixthbot.core.tasks import State

_SET_ASIDE = point("queue.set-aside")
_REASON = point("queue.reason")

_CACHE_LIMIT = 20_000
_TICK = 0.05
"""Seconds that two files of the same number and time cannot lie apart."""

SECOND_FILE = "it is a second file of the same task"


class TaskFiles:
    """The task files below one folder, each in the folder of its state."""

    def __init__(self, root: Path, durability: Durability) -> None:
        self.root = root
        self.durability: Durability = durability
        self._decoded: dict[tuple[int, int], Task] = {}

    def folder(self, state: State, lane: Lane) -> Path:
        """Return the folder of a state; `lane` counts for ready tasks."""
        if isinstance(state, Ready):
            return self.root / "ready" / lane.value
        if isinstance(state, Running):
            return self.root / "running" / state.worker
        return self.root / state.name

    def path_for(self, task: Task) -> Path:
        """Return where the file of a task belongs; its folder is there."""
        folder = self.folder(task.state, task.lane)
        make_dirs(folder)
        return folder / file_name(task)

    def place_of(self, task: Task) -> Path | None:
        """Return where the file of a task is, if it is in the state that the task has; None when it is not."""
        folder = self.folder(task.state, task.lane)
        path = folder / file_name(task)
        if path.exists():
            return path
        return next((folder / name for name in task_names(folder) if id_in_name(name) == task.id), None)

    def paths(self, states: Collection[str] = STATE_NAMES, *, ending: str = SUFFIX) -> Iterator[Path]:
        """Yield the files in the given states, in order of state, then deadline."""
        for state in STATE_NAMES:
            if state in states:
                for folder in state_folders(self.root, state):
                    for name in sorted(name for name in task_names(folder) if name.endswith(ending)):
                        yield folder / name

    def ids_present(self) -> Iterator[str]:
        """Yield the ids that the names of files carry, in any state."""
        return (task_id for path in self.paths() if (task_id := id_in_name(path.name)) is not None)

    def search(self, task_id: str) -> Task | None:
        """Look through all folders for a task."""
        for path in self.paths(ending=f"-{task_id}{SUFFIX}"):
            task = self.load(path)
            if task is not None and task.id == task_id:
                return task
        return None

    def load(self, path: Path, *, quarantine: bool = False) -> Task | None:
        """Return the task in a file, in the state of its folder; None when it is gone or not a task."""
        content = self.content(path, quarantine=quarantine)
        if content is None:
            return None
        folder, above = path.parent.name, path.parent.parent.name
        if above == "ready":
            return in_folder(content, "ready", lane=folder)
        if above == "running":
            return in_folder(content, "running", worker=folder)
        return in_folder(content, folder)

    def content(self, path: Path, *, quarantine: bool) -> Task | None:
        """Return the task in a file, in the state that the content says; None when it is gone or not a task.

        With `quarantine`, what is not a task is set aside. A file is parsed once: renames keep its number and time.
        """
        try:
            info = path.lstat()
            key = (info.st_ino, info.st_mtime_ns)
            known = self._decoded.get(key)
            if known is not None and stat.S_ISREG(info.st_mode) and id_in_name(path.name) == known.id:
                return known
            task = taskfile.decode(read_small(path, taskfile.SIZE_LIMIT), path.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (BadTaskFile, Refused, PermissionError) as error:
            if quarantine:
                self.set_aside(path, getattr(error, "message", "it cannot be read"))
            return None
        # within a tick of the clock another file could get the same number and time
        if time.time() - info.st_mtime > _TICK:
            if len(self._decoded) >= _CACHE_LIMIT:
                self._decoded.clear()
            self._decoded[key] = task
        return task

    def write(self, path: Path, task: Task, *, point: str) -> None:
        """Write a task's content over its file."""
        write_file(path, taskfile.encode(task), point=point, durability=self.durability)

    def move(self, source: Path, target: Path, *, point: str) -> None:
        """Rename a task's file; a second file of the same task that is in the way is set aside.

        Raises FileNotFoundError when `source` is gone.
        """
        if source == target:
            return
        try:
            move(source, target, point=point, durability=self.durability)
        except FileExistsError:
            self.set_aside(target, SECOND_FILE)
            move(source, target, point=point, durability=self.durability)

    def has_twin(self, path: Path) -> bool:
        """Tell whether the task of a claimed file is in a further state too: after a copy made by hand."""
        task_id, running = id_in_name(path.name), self.root / "running"
        for worker in folder_names(running):
            for name in task_names(running / worker):
                if id_in_name(name) == task_id and running / worker / name != path:
                    return True
        others = (self.root / state / path.name for state in ("waiting", "parked", "failed", "done"))
        return any(self.load(other) is not None for other in others)

    def set_aside(self, path: Path, reason: str) -> None:
        """Move a file that is no task, or a task's second file, into `failed/`, its reason beside it."""
        folder = self.root / "failed"
        make_dirs(folder)
        stem = path.name + (".second" if reason == SECOND_FILE else "")
        target = path if path.parent == folder and stem == path.name else folder / stem
        text = f"{reason}\nIt was {path.relative_to(self.root)}.\n".encode("utf-8", "replace")
        with suppress(FileNotFoundError):  # somebody took it meanwhile
            put_aside(path, target, text, reason_point=_REASON, move_point=_SET_ASIDE, durability="process")
