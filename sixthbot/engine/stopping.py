"""An event that is also set when another one is: a pool stops by itself, or because the whole bot was told to."""

from __future__ import annotations

import threading
import time

_SLICE = 0.1  # seconds


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
