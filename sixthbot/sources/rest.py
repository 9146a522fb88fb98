"""Decides how long the bot sleeps between two looks at everything, and sleeps; never looks at what happened itself.

Where the kernel tells of nearly everything, looking is for what it cannot tell, and may come seldom: first after two
seconds, for what came in the same moment as the last look, then after twice as long each time. Elsewhere looking is all
there is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sixthbot.sources.wake import Reason, Woken

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from sixthbot.sources.clock import Jumps
    from sixthbot.sources.wake import Waker

POLL = 2.0
"""Seconds between two looks at everything while the kernel does not tell enough."""
LONGEST = 30.0
"""... and while it does and nothing happens."""
_SLICE = 0.5
"""Seconds until a stop or a set clock is noticed by looking, where nobody tells of it."""
_EVERYTHING = Woken(frozenset({Reason.LOST}))


class Rest:
    """Sleeps for one bot. `told` says that the waker is poked when `stop` is set and when the clock jumps.

    `refs_moved` is a cheap look at the branches, for repositories with more folders of them than are watched.
    """

    def __init__(
        self,
        waker: Waker,
        stop: threading.Event,
        jumps: Jumps,
        *,
        told: bool,
        refs_moved: Callable[[], bool],
    ) -> None:
        self._waker = waker
        self._stop = stop
        self._jumps = jumps
        self._told = told
        self._refs_moved = refs_moved
        self._pause = POLL

    def sleep(self, wish: float | None, *, busy: bool) -> Woken:
        """Sleep until something happens, at most `wish` seconds where there is one; return why it ended.

        `busy` says that workers are at work, so that something follows soon.
        """
        patient = not busy and self._waker.covers()
        pause = self._pause if patient else POLL
        woken = self._until(time.monotonic() + (pause if wish is None else min(wish, pause)))
        quiet = patient and not woken.reasons and (wish is None or wish >= pause)
        self._pause = min(2 * pause, LONGEST) if quiet else POLL
        return woken

    def _until(self, end: float) -> Woken:
        while not self._stop.is_set():
            left = end - time.monotonic()
            piece = min(left, self._piece())
            woken = self._waker.wait(piece)
            if self._jumps.noticed():  # while the machine slept, file events may have been lost too
                return _EVERYTHING
            if woken.reasons or left <= piece:
                return woken
            if not self._waker.sees_branches and self._refs_moved():
                return Woken(frozenset({Reason.REFS}))
        return Woken()

    def _piece(self) -> float:
        if not self._told:
            return _SLICE
        return LONGEST if self._waker.sees_branches else POLL
