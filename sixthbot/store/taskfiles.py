"""The folders of a queue and the task files in them: reads what is a task, sets aside what is not.

Paths are plain text here: making a `Path` costs more than renaming a file.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sixthbot.core.errors import Refused
from sixthbot.core.tasks import STATE_NAMES, Lane, Ready, Running, Task
from sixthbot.store import taskfile
from sixthbot.store.aside import put_aside
from sixthbot.store.atomic import (
    Durability,
    discard,
    make_dirs,
    move,
    point,
    read_small,
    sync_folder,
    write_file,
    write_temporaries,
)
from sixthbot.store.counting import SUFFIX, folder_names, state_folders, task_names
from sixthbot.store.taskfile import BadTaskFile, NewerTaskFile, file_name, id_in_name, in_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import TypeAlias

    from sixthbot.core.tasks import State

    Told: TypeAlias = Callable[[str, str, str], object]
    """Takes what was set aside: where it was and where it is, both below the queue's folder, and the reason."""

_SET_ASIDE = point("queue.set-aside")
_REASON = point("queue.reason")

_CACHE_LIMIT = 4_000
_TICK = 0.05
"""Seconds that two files of the same number and time cannot lie apart."""

_log = logging.getLogger("sixthbot.store")

MOVING = ".moving"
"""The folder for files between two states, see `store.between`."""

SECOND_FILE = "it is a second file of the same task"
LEFT_BY_NEWER = "a newer sixthbot wrote it and its worker died: with that one, retry it"


class TaskFiles:
    """The task files below one folder, each in the folder of its state. `told` hears of each that is set aside."""

    def __init__(self, root: Path, durability: Durability, told: Told | None = None) -> None:
        self.root = str(root)
        self._told = told
        self.durability: Durability = durability
        self._decoded: dict[tuple[int, int], Task] = {}
        self._newer: set[str] = set()

    def folder(self, state: State, lane: Lane) -> str:
        """Return the folder of a state; `lane` counts for ready tasks."""
        if isinstance(state, Ready):
            return f"{self.root}/ready/{lane.value}"
        if isinstance(state, Running):
            return f"{self.root}/running/{state.worker}"
        return f"{self.root}/{state.name}"

    def path_for(self, task: Task) -> str:
        """Return where the file of a task belongs; its folder may be missing."""
        return f"{self.folder(task.state, task.lane)}/{file_name(task)}"

    def find(self, task: Task, *, quarantine: bool = False) -> tuple[str, Task] | None:
        """Return where the file of a task is and its content, if it is in the state that the task has, or None."""
        path = self.path_for(task)
        content = self.content(path, quarantine=quarantine)
        if content is None:
            folder = os.path.dirname(path)
            name = next((name for name in task_names(folder) if id_in_name(name) == task.id), None)
            path = f"{folder}/{name}"
            content = None if name is None else self.content(path, quarantine=quarantine)
        return None if content is None else (path, content)

    def paths(self, states: Collection[str] = STATE_NAMES, *, ending: str = SUFFIX) -> Iterator[str]:
        """Yield the files in the given states, in order of state, then deadline."""
        for state in STATE_NAMES:
            if state in states:
                found = [
                    (name, folder)
                    for folder in state_folders(self.root, state)
                    for name in task_names(folder)
                    if name.endswith(ending)
                ]
                for name, folder in sorted(found):
                    yield f"{folder}/{name}"

    def ids_present(self) -> Iterator[str]:
        """Yield the ids that the names of files carry, in any state or between two, in no order."""
        folders = [folder for state in STATE_NAMES for folder in state_folders(self.root, state)]
        for folder in (*folders, f"{self.root}/{MOVING}"):
            yield from (found for name in task_names(folder) if (found := id_in_name(name)) is not None)

    def places(self) -> dict[str, str]:
        """Return where the file of each task is, told from the names alone."""
        found: dict[str, str] = {}
        for path in self.paths():
            found.setdefault(id_in_name(path.rpartition("/")[2]) or "", path)
        return found

    def search(self, task_id: str) -> Task | None:
        """Look through all folders for a task."""
        for path in self.paths(ending=f"-{task_id}{SUFFIX}"):
            task = self.load(path)
            if task is not None and task.id == task_id:
                return task
        return None

    def mentions(self, path: str, words: Collection[bytes]) -> bool:
        """Tell whether a file has one of some words in it, or is gone and may have; costs a fraction of parsing it."""
        try:
            data = read_small(path, taskfile.SIZE_LIMIT)
        except FileNotFoundError:
            return True  # somebody moved it meanwhile: it is to be looked for elsewhere
        except (OSError, Refused):
            return False
        return any(word in data for word in words)

    def newer(self) -> list[str]:
        """Return the files met so far that a newer program wrote, as far as they are still there."""
        return [path for path in self._newer if os.path.lexists(path)]

    def give_up_newer(self, path: str) -> None:
        """Set aside a newer program's file whose worker is gone: only that program knows where it was to go."""
        if path in self.newer():
            self.set_aside(path, LEFT_BY_NEWER)

    def load(self, path: str, *, quarantine: bool = False) -> Task | None:
        """Return the task in a file, in the state of its folder; None when it is gone or not a task."""
        content = self.content(path, quarantine=quarantine)
        if content is None:
            return None
        above, folder = path.split("/")[-3:-1]
        if above == "ready":
            return in_folder(content, "ready", lane=folder)
        if above == "running":
            return in_folder(content, "running", worker=folder)
        return in_folder(content, folder)

    def content(self, path: str, *, quarantine: bool) -> Task | None:
        """Return the task in a file, in the state that the content says; None when it is gone or not a task.

        With `quarantine`, what is not a task is set aside; what a newer program wrote stays where it is.
        A file is parsed once: renames keep its number and time.
        """
        name = path.rpartition("/")[2]
        try:
            info = os.lstat(path)
            key = (info.st_ino, info.st_mtime_ns)
            known = self._decoded.get(key)
            if known is not None and stat.S_ISREG(info.st_mode) and id_in_name(name) == known.id:
                return known
            task = taskfile.decode(read_small(path, taskfile.SIZE_LIMIT), name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except NewerTaskFile as error:
            if path not in self._newer:
                self._newer.add(path)
                _log.warning("%s is left alone: %s", os.path.relpath(path, self.root), error.message)
            return None
        except (BadTaskFile, Refused, PermissionError) as error:
            if quarantine:
                self.set_aside(path, getattr(error, "message", "it cannot be read"))
            return None
        # within a tick of the clock another file could get the same number and time
        if abs(time.time() - info.st_mtime) > _TICK:
            if len(self._decoded) >= _CACHE_LIMIT:
                self._decoded.clear()
            self._decoded[key] = task
        return task

    def add(self, tasks: Sequence[Task], *, point: str) -> None:
        """Write the files of new tasks, with syncs that they share; what is no task and in the way is set aside.

        Raises OSError with some of them there.
        """
        drafts = self._drafts(tasks, point=point)
        targets = [self.path_for(task) for task in tasks]
        try:
            for draft, target in zip(drafts, targets, strict=True):
                try:
                    move(draft, target, point=point, durability="process")
                except FileExistsError:
                    self._clear(target)
                    move(draft, target, point=point, durability="process")
        except OSError:
            discard(drafts)
            raise
        if self.durability == "power":
            for folder in dict.fromkeys(map(os.path.dirname, targets)):
                sync_folder(folder)

    def _drafts(self, tasks: Sequence[Task], *, point: str) -> list[str]:
        """Write the content of new tasks beside their places, under hidden names; return the paths in this order."""
        files = [(self.folder(task.state, task.lane), taskfile.encode(task)) for task in tasks]
        try:
            return write_temporaries(files, point=point, durability=self.durability)
        except FileNotFoundError:
            for folder, _ in files:
                make_dirs(Path(folder))
            return write_temporaries(files, point=point, durability=self.durability)

    def _clear(self, path: str) -> None:
        """Set aside whatever lies in a place where a task's file is to go."""
        if self.content(path, quarantine=True) is not None:
            self.set_aside(path, SECOND_FILE)

    def write(self, path: str, task: Task, *, point: str) -> None:
        """Write a task's content over its file."""
        write_file(path, taskfile.encode(task), point=point, durability=self.durability)

    def move(self, source: str, target: str, *, point: str) -> None:
        """Rename a task's file; a second file of the same task that is in the way is set aside.

        Raises FileNotFoundError when `source` is gone.
        """
        if source == target:
            return
        try:
            rename(source, target, point=point, durability=self.durability)
        except FileExistsError:
            self.set_aside(target, SECOND_FILE)
            rename(source, target, point=point, durability=self.durability)

    def make_moves_safe(self) -> None:
        """Let what anybody moved out of `running/`, and did not live to make safe, survive as much as other moves."""
        if self.durability == "process":
            return
        places = [
            folder
            for state in STATE_NAMES
            if state != "running"
            for folder in state_folders(self.root, state)
        ]
        for folder in filter(os.path.isdir, places):
            sync_folder(folder)  # not all at once: that would wait for whatever else the disk has to write

    def has_twin(self, path: str) -> bool:
        """Tell whether the task of a claimed file is in a further state too: after a copy made by hand."""
        name = path.rpartition("/")[2]
        ending, running = name.partition("-")[2], f"{self.root}/running"
        for worker in folder_names(running):
            for other in task_names(f"{running}/{worker}"):  # the folder may be gone by now
                twin = f"{running}/{worker}/{other}"
                if other.endswith(ending) and twin != path and self.load(twin) is not None:
                    return True
        for state in ("waiting", "parked", "failed", "done"):
            other = f"{self.root}/{state}/{name}"
            if os.access(other, os.F_OK) and self.load(other) is not None:
                return True
        return False

    def is_second(self, path: str, task_id: str) -> bool:
        """Tell whether the task of a file is in another one too, under whatever name; looks through all folders."""
        paths = self.paths(ending=f"-{task_id}{SUFFIX}")
        found = any(other != path and self.load(other) is not None for other in paths)
        return found and os.path.lexists(path)  # or somebody has just given this one its new name

    def set_aside(self, path: str, reason: str) -> None:
        """Move a file that is no task, or a task's second file, into `failed/`, its reason beside it."""
        source, folder = Path(path), Path(self.root, "failed")
        make_dirs(folder)
        stem = source.name + (".second" if reason == SECOND_FILE else "")
        target = source if source.parent == folder and stem == source.name else folder / stem
        was = os.path.relpath(path, self.root)
        text = f"{reason}\nIt was {was}.\n".encode("utf-8", "replace")
        try:
            place = put_aside(
                source, target, text, reason_point=_REASON, move_point=_SET_ASIDE, durability="process"
            )
        except FileNotFoundError:
            return  # somebody took it meanwhile
        if self._told is not None:
            self._told(was, f"failed/{place.name}", reason)


def rename(source: str, target: str, *, point: str, durability: Durability) -> None:
    """Rename a file, never over another; the folder that it goes to is made if missing.

    Raises FileNotFoundError when `source` is gone.
    """
    try:
        move(source, target, point=point, durability=durability)
    except FileNotFoundError:
        if not os.path.lexists(source):
            raise
        make_dirs(Path(target).parent)  # unless somebody made it this moment
        move(source, target, point=point, durability=durability)
