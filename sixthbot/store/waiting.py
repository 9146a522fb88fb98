"""The tasks that wait for a time, and which of them are due, whatever happens to the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Waiting
from sixthbot.store.listing import Listing

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.taskfiles import TaskFiles

_GRAIN = timedelta(seconds=1)

_LONGEST = timedelta(days=2)
"""No pause is longer: the longest is that after a sixteenth failure. What would wait longer was put off by a wrong clock."""


class WaitingTasks:
    """The waiting tasks below one folder. Not for use by two threads at once.

    A task that a person wants not before a moment waits for that moment on the clock. The others wait for a span of
    time: where the clock is set back meanwhile, they do not wait longer for it.
    """

    def __init__(self, root: Path, files: TaskFiles) -> None:
        self._files = files
        self._listing = Listing(root / "waiting")
        self._read = -1
        self._until: dict[str, datetime] = {}
        self._bound: set[str] = set()
        self._sooner: dict[str, timedelta] = {}
        self._last: datetime | None = None

    def due(self, now: datetime) -> list[Task]:
        """Return those whose time has come, the longest due first."""
        self._look(now)
        due = sorted((until, path) for path in self._until if (until := self._time_of(path, now)) <= now)
        return [task for _, path in due if (task := self._files.load(path)) is not None]

    def next_due(self, now: datetime) -> datetime | None:
        """Return when the next one is due, or None when none waits."""
        self._look(now)
        return min((self._time_of(path, now) for path in self._until), default=None)

    def _time_of(self, path: str, now: datetime) -> datetime:
        until = self._until[path] - self._sooner.get(path, timedelta())
        return until if path in self._bound or until - now <= _LONGEST else now

    def _look(self, now: datetime) -> None:
        self._listing.refresh(at_once=True)
        back = timedelta() if self._last is None else self._last - now
        self._last = now
        if back > _GRAIN:
            for path in self._until:
                if path not in self._bound:
                    self._sooner[path] = self._sooner.get(path, timedelta()) + back
        if self._read != self._listing.readings:
            self._read = self._listing.readings
            self._read_all()

    def _read_all(self) -> None:
        before, self._until, self._bound = self._until, {}, set()
        for name in self._listing:
            path = f"{self._listing.folder}/{name}"
            task = self._files.load(path, quarantine=True)
            if task is not None and isinstance(task.state, Waiting):
                self._until[path] = task.state.until
                if task.not_before is not None:
                    self._bound.add(path)
        # one that was put off anew since then counts from the clock as it is now
        self._sooner = {
            path: sooner for path, sooner in self._sooner.items() if before.get(path) == self._until.get(path)
        }
