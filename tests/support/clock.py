"""A clock that stands still until told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """Call it (or its `now`) for the time; `advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) -> None:
        self._time = start

    def __call__(self) -> datetime:
        return self._time

    def now(self) -> datetime:
        """Return the time it shows."""
        return self._time

    def advance(self, seconds: float) -> datetime:
        """Move it by `seconds` and return the new time."""
        self._time += timedelta(seconds=seconds)
        return self._time
