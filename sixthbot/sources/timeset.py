"""Tells when the time of day was set or the machine woke from sleep, by asking the kernel to say so; never looks by itself.

A timer far in the future is cancelled by the kernel whenever the clock jumps (`TFD_TIMER_CANCEL_ON_SET`), which a sleep
of the machine does too. So an idle bot need not wake every second to compare two clocks.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_REALTIME, _ABSOLUTE, _CANCEL_ON_SET = 0, 1, 2
_FAR = 10 * 365 * 86_400
"""Seconds until the timer ends by itself, which is as good a reason to look at the clock."""


class TimeSet:
    """Calls `changed`, in a thread of its own, each time that the clock was set; `far` is for tests."""

    def __init__(self, changed: Callable[[], object], *, far: float = _FAR) -> None:
        self._changed = changed
        self._far = far
        self._timer = -1
        self._ends: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._listen, name="time set", daemon=True)

    def start(self) -> bool:
        """Begin to listen; False where the system has no such timer."""
        try:
            self._timer = _new_timer()
            _arm(self._timer, self._far)
        except (OSError, AttributeError):  # not Linux, or a libc without it
            self._close()
            return False
        self._ends = os.pipe()
        self._thread.start()
        return True

    def stop(self) -> None:
        """Stop listening; may be called again, and where nothing was started."""
        if self._ends is None:
            return
        os.write(self._ends[1], b"\0")
        self._thread.join()
        for end in self._ends:
            os.close(end)
        self._ends = None
        self._close()

    def _close(self) -> None:
        if self._timer >= 0:
            os.close(self._timer)
            self._timer = -1

    def _listen(self) -> None:
        assert self._ends is not None  # noqa: S101 - made before the thread
        poller = select.poll()
        for descriptor in (self._timer, self._ends[0]):
            poller.register(descriptor, select.POLLIN)
        while all(descriptor == self._timer for descriptor, _ in poller.poll()):
            with suppress(OSError):  # ECANCELED: that is the word
                os.read(self._timer, 8)
            _arm(self._timer, self._far)
            self._changed()


def _new_timer() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = int(libc.timerfd_create(_CLOCK_REALTIME, os.O_CLOEXEC | os.O_NONBLOCK))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "no timer")
    return descriptor


def _arm(timer: int, far: float) -> None:
    seconds, part = divmod(time.time() + far, 1)
    never_again_then_at = struct.pack("@llll", 0, 0, int(seconds), int(part * 1e9))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.timerfd_settime(timer, _ABSOLUTE | _CANCEL_ON_SET, never_again_then_at, None):
        raise OSError(ctypes.get_errno(), "the timer cannot be set")
