"""Puts contents of the state where they belong below `.sixth`; what cannot be what it says is refused, with the reason."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sixthbot.core.errors import Refused, SixthError
from sixthbot.core.tasks import Ready, Running, Task
from sixthbot.store import disk, taskfile
from sixthbot.store.atomic import make_dirs, point, read_small, remove, write_file, write_files
from sixthbot.store.locks import exclusive, is_free, lease_file
from sixthbot.store.state.grown import grown_row
from sixthbot.store.state.index import Row
from sixthbot.store.state.layout import path_of, spot_of, task_of
from sixthbot.store.taskfile import BadTaskFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sixthbot.core.stateops import Op
    from sixthbot.store.open import Store
    from sixthbot.store.state.layout import Spot

_LAY = point("state.lay")
_TAKE = point("state.take")
_READ_LIMIT = 64 << 20


class CannotLay(SixthError):
    """A content that is refused; the message says why."""


class InHand(CannotLay):
    """A task that a living worker of this clone is doing; it is left alone until that is over."""


class Content(NamedTuple):
    """What is to be put under a key: its bytes, the operations that say so, its issue, and when it was changed."""

    spot: Spot
    data: bytes
    ids: str = ""
    group: str = ""
    mtime: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """Writes below one `.sixth`, in the way that everything else there is written."""

    store: Store

    def put_all(self, contents: Sequence[Content]) -> Iterator[Row | CannotLay]:
        """Do what `put` does with each, in order, and yield its row or why not; what is new shares its syncs.

        Only where nobody else is at work, as after `.sixth` was taken away. No content has its name before all that
        are written with it would survive a power cut: one that was torn would count as newer than what was saved.
        """
        files = [one for one in contents if not one.spot.key.startswith("queue/") and self._is_free(one)]
        for one in files:
            make_dirs((self.store.places.sixth / one.spot.key).parent)
        wanted = [(self.store.places.sixth / one.spot.key, one.data, _LAY) for one in files]
        if wanted:
            write_files(wanted, durability=self.store.durability)
        written = {one.spot.key for one in files}
        put = {task.id for task in self.store.queue.put_many(self._tasks(contents))}
        for one in contents:
            task = task_of(one.spot.key)
            try:
                yield self._put(one, written=one.spot.key in written or task in put)
            except CannotLay as error:
                yield error
            put.discard(task)  # a task may be saved under two names, as when it was moved into another lane

    def _is_free(self, content: Content) -> bool:
        """Tell whether there is nothing where a file goes, and nothing but folders above it."""
        path: Path = self.store.places.sixth / content.spot.key
        above = next(folder for folder in path.parents if os.path.lexists(folder))
        return not os.path.lexists(path) and above.is_dir() and not above.is_symlink()

    def _tasks(self, contents: Sequence[Content]) -> list[Task]:
        tasks = []
        for one in contents:
            if one.spot.key.startswith("queue/"):
                try:
                    tasks.append(self._task(one.spot, one.data))
                except CannotLay:
                    continue  # it is told of in its turn
        return tasks

    def put(self, spot: Spot, data: bytes, *, ids: str, group: str, mtime: int = 0) -> Row:
        """Write a content over what is there; return its row. Raise CannotLay where it may not be.

        `mtime` is when it was changed, in nanoseconds: part of the name by which an inbox file is known. 0: now.
        """
        return self._put(Content(spot, data, ids, group, mtime), written=False)

    def _put(self, content: Content, *, written: bool) -> Row:
        spot, data, ids, group, mtime = content
        if spot.key.startswith("queue/"):
            task = self._task(spot, data)
            if not written:
                self._put_task(spot, task)
            place = f"ready/{task.lane.value}" if isinstance(task.state, Ready) else task.state.name
            spot = spot._replace(place=place)
            path = path_of(spot)
            there = self._below(task.id, path)
        else:
            there = path = spot.key if written else self._put_file(spot.key, data)
            if mtime:
                os.utime(self.store.places.sixth / path, ns=(mtime, mtime), follow_symlinks=False)
        status = os.lstat(self.store.places.sixth / there)
        return Row(
            spot.key, path, spot.place, hashlib.sha256(self._read(there)).hexdigest(), status.st_size,
            status.st_mtime_ns, status.st_ino, ids, group, task_of(spot.key),
        )  # fmt: skip

    def _below(self, task_id: str, usual: str) -> str:
        """Return where below `.sixth` the file of a task is: it may have another name than it was saved under."""
        if os.path.lexists(self.store.places.sixth / usual):
            return usual
        found = self.store.queue.paths_of(task_id)
        if not found:
            raise CannotLay(f"task {task_id} was moved this moment")
        return found[0].removeprefix(f"{self.store.places.home}/")

    def row_of(self, task: Task, path: str, *, ids: str, group: str) -> Row:
        """Return the row of a task's file as it is now."""
        status = os.lstat(path)
        below = path.removeprefix(f"{self.store.places.home}/")
        spot = spot_of(below)
        place = spot.place if spot is not None else ""
        return Row(
            f"queue/{path.rpartition('/')[2]}", below, place, self.digest(below), status.st_size, status.st_mtime_ns,
            status.st_ino, ids, group, task.id,
        )  # fmt: skip

    def take(self, key: str, path: str) -> None:
        """Take a file away that the state does not have any more; one that is gone is fine. Raise InHand."""
        task_id = task_of(key)
        if task_id:
            found = self.store.queue.find(task_id)
            if found is not None:
                self._require_free(found)
            self.store.queue.spend(task_id)
            for place in self.store.queue.paths_of(task_id):
                remove(Path(place), point=_TAKE)
            return
        remove(self.store.places.sixth / path, point=_TAKE)

    def grow(self, key: str, data: bytes) -> Row:
        """Let a growing file begin with `data`; lines that it has and `data` has not are kept behind it, each once.

        Nobody appends to it meanwhile: who waits for it finds another file of its name.
        """
        path = self.store.places.sixth / key
        make_dirs(path.parent)
        if path.is_symlink():
            remove(path, point=_TAKE)  # a journal is nobody's while it is a link
        descriptor = disk.open_file(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        try:
            with exclusive(descriptor):
                here = read_small(path, _READ_LIMIT)
                if not here.startswith(data):
                    whole = data + _lines_beyond(here, data)
                    write_file(path, whole, point=_LAY, durability=self.store.durability)
        finally:
            os.close(descriptor)
        return grown_row(key, data, path.lstat())

    def digest(self, path: str) -> str:
        """Return the hash of a file as it is, empty when there is none."""
        data = self._read(path) if path and os.path.lexists(self.store.places.sixth / path) else None
        return "" if data is None else hashlib.sha256(data).hexdigest()

    def _read(self, path: str) -> bytes:
        try:
            return read_small(self.store.places.sixth / path, _READ_LIMIT)
        except (OSError, Refused):
            return b""

    def _put_file(self, key: str, data: bytes) -> str:
        path: Path = self.store.places.sixth / key
        try:
            make_dirs(path.parent)
            if os.path.lexists(path) and (path.is_symlink() or not path.is_file()):
                raise CannotLay(f"{key}: something that is no file is in its place")
            if not key.startswith("issues/"):
                write_file(path, data, point=_LAY, durability=self.store.durability)
                return key
            folder = self.store.places.issues / key.split("/")[1]
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                with exclusive(descriptor):  # as whoever changes a record or a plan does
                    write_file(path, data, point=_LAY, durability=self.store.durability)
            finally:
                os.close(descriptor)
        except (NotADirectoryError, FileExistsError) as error:
            raise CannotLay(f"{key}: {error.strerror}") from None
        return key

    def _task(self, spot: Spot, data: bytes) -> Task:
        """Return the task that a content is; raise CannotLay where it is none."""
        name = spot.key.partition("/")[2]
        try:
            content = taskfile.decode(data, name)
        except BadTaskFile as error:
            raise CannotLay(f"{spot.key}: {error.message}") from None
        lane = spot.place.partition("/")[2] or content.lane.value
        task = taskfile.in_folder(content, spot.place.partition("/")[0], lane=lane)
        if isinstance(task.state, Running):
            task = replace(task, state=Ready())  # its worker is on another machine, or gone
        return task

    def _put_task(self, spot: Spot, task: Task) -> None:
        found = self.store.queue.find(task.id)
        if found is None:
            laid = self.store.queue.put(task)
        else:
            self._require_free(found)
            laid = found == task or self.store.queue.settle(found, task) is not None
        if not laid:
            raise CannotLay(f"{spot.key}: its task is over here, or was moved this moment")

    def _require_free(self, task: Task) -> None:
        if isinstance(task.state, Running) and not is_free(lease_file(self.store.places, task.state.worker)):
            raise InHand(f"task {task.id} is being done here")


def _lines_beyond(here: bytes, data: bytes) -> bytes:
    """Return the lines that a journal has and another one has not, in order; each has its number and time in it."""
    if data.startswith(here):
        return b""
    known = set(data.splitlines())
    beyond = b"".join(line for line in here.splitlines(keepends=True) if line.rstrip(b"\n") not in known)
    return b"\n" + beyond if beyond and data[-1:] not in {b"", b"\n"} else beyond


def mark_of(op: Op) -> tuple[str, str]:
    """Return time and number of the file that an operation on the inbox saved."""
    mtime, _, inode = op.mark.partition("-")
    return mtime, inode
