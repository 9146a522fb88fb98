"""A bell that rings in this process whenever something was written to a journal, for whoever reads along; keeps nothing."""

from __future__ import annotations

import threading

_changed = threading.Condition()
_rung = 0


def ring() -> None:
    """Wake all who wait for news."""
    global _rung  # noqa: PLW0603 - one bell for the process, as `disk` is one disk
    with _changed:
        _rung += 1
        _changed.notify_all()


def rung() -> int:
    """Return how often the bell rang so far, to wait for more than that."""
    return _rung


def wait_for_news(seen: int, seconds: float) -> None:
    """Wait until the bell rang more than `seen` times, at most so long."""
    with _changed:
        _changed.wait_for(lambda: _rung > seen, seconds)
