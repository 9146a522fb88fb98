"""Tells how far a running task is: to a small file, as often as a person can read, and now and then to the journal."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sixthbot.core.names import clean_line
from sixthbot.core.times import format_time
from sixthbot.store.progressfile import clear_progress, write_progress
from sixthbot.store.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sixthbot.actions.base import Note
    from sixthbot.store.paths import Places

_WRITE_EVERY = 0.5  # seconds
_JOURNAL_EVERY = 15.0
_SHOWN = 160


class TaskProgress:
    """How far one attempt is, an `actions.progress.Progress`; that it cannot be written never hurts the work."""

    def __init__(
        self,
        places: Places,
        task_id: str,
        *,
        note: Note,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._note = note
        self._clock = clock
        self._ticks = ticks
        self._row: dict[str, Any] = {"schema": 1, "task": task_id}
        self._first = 0
        self._started = self._written = self._journalled = ticks()
        self._heard = 0.0
        self._behind = False

    def step(self, number: int, action: str, *, steps: int) -> None:
        """Begin a step; `number` counts from 1 to `steps`."""
        now = format_time(self._clock())
        self._row |= {"step": number, "steps": steps, "action": action, "since": now}
        self._row |= {"done": 0, "total": 0, "item": "", "line": "", "eta": None}
        self._first = -1
        self._started = self._journalled = self._ticks()
        self._write()

    def show(self, *, done: int, total: int, item: str) -> None:
        """Show how far the step is; the time left is reckoned from what was done in this attempt."""
        tick = self._ticks()
        if self._first < 0:
            self._first, self._started = done, tick
        took, did = tick - self._started, done - self._first
        eta = round(took / did * (total - done), 1) if did > 0 else None
        self._row |= {"done": done, "total": total, "item": clean_line(item, limit=_SHOWN), "eta": eta}
        self._behind = True
        self.catch_up()
        if tick - self._journalled >= _JOURNAL_EVERY:
            self._journalled = tick
            percent = 100 * done // total if total else 100
            data = {"done": done, "total": total, "percent": percent, "eta": eta, "item": self._row["item"]}
            self._note("progress", f"{done} of {total} ({percent} %)", data=data)

    def printed(self, data: bytes) -> None:
        """Show the last line that a program printed."""
        if self._ticks() - self._heard < _WRITE_EVERY:
            return
        self._heard = self._ticks()
        lines = data.decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), "")
        if last:
            self._row["line"] = clean_line(redact_text(last), limit=_SHOWN)
            self._behind = True
            self.catch_up()

    def catch_up(self) -> None:
        """Write what was shown and came too soon after what was written before; called often while a step is at work."""
        if self._behind and self._ticks() - self._written >= _WRITE_EVERY:
            self._write()

    def end(self) -> None:
        """Take it away: the task rests."""
        with suppress(OSError):
            clear_progress(self._places, self._row["task"])

    def _write(self) -> None:
        self._written, self._behind = self._ticks(), False
        with suppress(OSError):
            write_progress(self._places, {**self._row, "updated": format_time(self._clock())})
