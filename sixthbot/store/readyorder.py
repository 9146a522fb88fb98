"""Whose turn it is among the ready tasks: the earliest deadline over all lanes, past those that are held back.

Only looks, and gives files that a person moved between lanes the names of their new turn. Not for use by two threads
at once.
"""

from __future__ import annotations

import heapq
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Lane
from sixthbot.core.times import sortable
from sixthbot.store.atomic import point
from sixthbot.store.clock import now
from sixthbot.store.listing import Listing
from sixthbot.store.sidelines import Sidelines
from sixthbot.store.taskfile import file_name
from sixthbot.store.taskfiles import SECOND_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_PUT_RIGHT = point("queue.put-right")

_LOOK_LIMIT = 500
"""One look passes over no more tasks than this: others want to look, too."""

_CLOCK_GRAIN = timedelta(seconds=1)


class ReadyOrder:
    """The order of the ready tasks below one folder."""

    def __init__(self, root: Path, files: TaskFiles) -> None:
        self._files = files
        self._ready = {lane: Listing(root / lane.value) for lane in Lane}
        self._folders = {lane: f"{root}/{lane.value}" for lane in Lane}
        self._aside = Sidelines()
        self.unfinished = False
        """Whether the last look ended because it had passed over many tasks, not because it had seen all."""

    def add(self, task: Task) -> None:
        """Give a turn to a task that this process has just made ready."""
        self._ready[task.lane].add(file_name(task))

    def put_back(self, lane: Lane, name: str) -> None:
        """Give the turn back that `next` handed out."""
        self._ready[lane].add(name)

    def path(self, lane: Lane, name: str) -> str:
        """Return where the file is that `next` named."""
        return f"{self._folders[lane]}/{name}"

    def refresh(self, lanes: Collection[Lane]) -> None:
        """Read the folders again that changed."""
        for lane in lanes:
            listing, readings = self._ready[lane], self._ready[lane].readings
            listing.refresh()
            if listing.readings != readings:
                self._aside.forget(lane)
                self._give_new_turns(lane)

    def next(self, lanes: Collection[Lane], blocked: Callable[[Task], bool]) -> tuple[Lane, str] | None:
        """Return lane and file name of the first task that nothing blocks, and do not return it again."""
        while True:
            brought = False
            for name, lane in self._aside.bring_back(blocked):
                self._ready[lane].add(name)  # at once: what fails later must not lose it
                brought = True
            found, changed = self._look(lanes, blocked)
            if found is not None or self.unfinished or not (brought or changed):
                return found

    def _look(
        self, lanes: Collection[Lane], blocked: Callable[[Task], bool]
    ) -> tuple[tuple[Lane, str] | None, bool]:
        """Return the first free one, and whether the order changed on the way to it."""
        passed = 0
        self.unfinished = False
        for name, lane in self._in_order(lanes):
            if self._aside.takes(name, lane):
                self._ready[lane].forget(name)
                continue
            task = self._files.load(self.path(lane, name), quarantine=True)
            if task is not None and self._put_right(lane, name, task):
                return None, True
            held = task is not None and blocked(task)
            self._ready[lane].forget(name)
            if task is not None and not held:
                return (lane, name), False
            if task is not None:
                self._aside.put(name, lane, task)
                passed += 1
            if passed >= _LOOK_LIMIT:
                self.unfinished = True
                break
        return None, False

    def _in_order(self, lanes: Collection[Lane]) -> Iterator[tuple[str, Lane]]:
        named = [self._named(lane) for lane in lanes if self._ready[lane]]
        return named[0] if len(named) == 1 else heapq.merge(*named)

    def _named(self, lane: Lane) -> Iterator[tuple[str, Lane]]:
        return ((name, lane) for name in self._ready[lane])

    def _give_new_turns(self, lane: Lane) -> None:
        """Give what a person moved up into a lane its new turn, so that it need not wait for its old one.

        They have later deadlines than any task of the lane. What was moved down is found when its old turn comes.
        """
        for name in self._ready[lane].beyond(sortable(now() + lane.wait + _CLOCK_GRAIN)):
            task = self._files.load(self.path(lane, name), quarantine=True)
            if task is not None:
                self._put_right(lane, name, task)

    def _put_right(self, lane: Lane, name: str, task: Task) -> bool:
        """Name a file anew that came from another lane by hand; tell whether that was so."""
        if file_name(task) == name:
            return False
        content = self._files.content(self.path(lane, name), quarantine=False)
        if content is None or content.lane is lane:
            return False
        if self._files.is_second(self.path(lane, name), task.id):
            self._files.set_aside(self.path(lane, name), SECOND_FILE)
            self._ready[lane].forget(name)
            return True
        # both names have their turn until it is done: where the disk fails, nobody knows which one it is
        self.add(task)
        with suppress(FileNotFoundError):
            self._files.move(self.path(lane, name), self.path(lane, file_name(task)), point=_PUT_RIGHT)
        self._ready[lane].forget(name)
        return True
