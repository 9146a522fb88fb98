"""Events for stopping: one that tells others when it is set, and one that is also set when another one is."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SLICE = 0.1  # seconds


class Stop(threading.Event):
    """An event that calls `listeners`, each once it is set, so that nobody who sleeps has to wake up to look."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[], object]] = []

    def set(self) -> None:
        """Set it and tell everybody."""
        super().set()
        for listener in tuple(self.listeners):
            listener()


@contextmanager
def told_of(stop: threading.Event, listener: Callable[[], object]) -> Iterator[bool]:
    """Have `listener` called when `stop` is set during the block; gives False where it is an event that tells nobody."""
    if not isinstance(stop, Stop):
        yield False
        return
    stop.listeners.append(listener)
    try:
        if stop.is_set():
            listener()
        yield True
    finally:
        stop.listeners.remove(listener)


class Stopping(threading.Event):
    """Set by itself or once `outer` is."""

    def __init__(self, outer: threading.Event | None = None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        """Tell whether it is time to stop."""
        return super().is_set() or (self._outer is not None and self._outer.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds; return whether it is time to stop."""
        if self._outer is None:
            return super().wait(timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _SLICE if until is None else min(_SLICE, until - time.monotonic())
            if left <= 0:
                return False
            super().wait(left)
        return True
