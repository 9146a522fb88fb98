"""What people steer the queue with, as empty files: paused lanes, and requests to stop or pause a running task."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Lane
from sixthbot.store.atomic import make_dirs, point, remove, write_file
from sixthbot.store.counting import ALL_LANES
from sixthbot.store.taskfile import is_task_id

if TYPE_CHECKING:
    from pathlib import Path

_PAUSE = point("queue.pause")
_CANCEL = point("queue.cancel")
_PAUSE_TASK = point("queue.pause-task")


class Switches:
    """The switches of one queue; `Queue` has them as its own methods."""

    def __init__(self, root: Path) -> None:
        self._paused = root / "paused"
        self._cancelled = root.parent / "local" / "cancel"
        self._held = root.parent / "local" / "pause"
        # asked at each move of a task and each look of a step: making a `Path` costs more than the question
        self._in_cancelled, self._in_held = f"{self._cancelled}/", f"{self._held}/"
        self._in_paused = f"{self._paused}/"

    def pause(self, lane: Lane | None) -> None:
        """Let nothing more be claimed from a lane, None for all, until `resume`; what runs goes on."""
        make_dirs(self._paused)
        name = ALL_LANES if lane is None else lane.value
        write_file(self._paused / name, b"", point=_PAUSE, durability="process")

    def resume(self, lane: Lane | None) -> None:
        """Take back `pause` for a lane, None for all."""
        still = self.paused() - {lane} if lane is not None else set()
        for other in still:
            self.pause(other)
        for name in (ALL_LANES, *(other.value for other in Lane if other not in still)):
            remove(self._paused / name, point=_PAUSE)

    def paused(self) -> set[Lane]:
        """Return the lanes that are paused."""
        # asked at each claim: `access` answers for the half of what an exception costs
        if not os.access(self._in_paused, os.F_OK):
            return set()
        try:
            names = set(os.listdir(self._in_paused))  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            return set()
        return set(Lane) if ALL_LANES in names else {lane for lane in Lane if lane.value in names}

    def request_cancel(self, task_id: str) -> None:
        """Ask whoever runs the task to stop it."""
        if is_task_id(task_id):
            make_dirs(self._cancelled)
            write_file(self._cancelled / task_id, b"", point=_CANCEL, durability="process")

    def cancel_requested(self, task_id: str) -> bool:
        """Tell whether somebody asked for the task to be stopped."""
        return is_task_id(task_id) and os.access(self._in_cancelled + task_id, os.F_OK)

    def clear_cancel(self, task_id: str) -> None:
        """Take the request back; `Queue.settle` does so when a task stops running."""
        if self.cancel_requested(task_id):
            remove(self._cancelled / task_id, point=_CANCEL)

    def request_pause(self, task_id: str) -> None:
        """Ask whoever runs the task to give it back, so that it waits until a person resumes it."""
        if is_task_id(task_id):
            make_dirs(self._held)
            write_file(self._held / task_id, b"", point=_PAUSE_TASK, durability="process")

    def pause_requested(self, task_id: str) -> bool:
        """Tell whether somebody asked for the running task to be paused."""
        return is_task_id(task_id) and os.access(self._in_held + task_id, os.F_OK)

    def clear_pause(self, task_id: str) -> None:
        """Take the request back; `Queue.settle` does so when a task stops running."""
        if self.pause_requested(task_id):
            remove(self._held / task_id, point=_PAUSE_TASK)
