"""Tells a run that ends by itself whether something is left to wait for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.tasks import Lane, Waiting
from sixthbot.engine.admit import SETTLING, end_settling

if TYPE_CHECKING:
    from datetime import datetime

    from sixthbot.engine.services import Services

_LONGEST = timedelta(seconds=60)
"""How far ahead retries are waited for."""
_GATHERING = timedelta(seconds=2)
"""How long a task may gather events when nothing else is left: what a run looks at has happened already."""
_AGAIN = timedelta(seconds=5)
"""How much later than at first a task may be put off and still be waited for."""


class Patience:
    """What a run waits for: what is due soon, but not for a task that is only ever put off."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int, int], datetime] = {}
        self._gathered: dict[tuple[str, int], datetime] = {}

    def wait(self, services: Services) -> float | None:
        """Return seconds until the next task worth waiting for is due, None when there is none.

        To be asked only where nothing else is left to do. A task that gathers events is made ready once no further
        one came for 2 s, however long its rule lets it settle.
        """
        now = services.clock()
        dues = []
        for task in services.store.queue.all(states=("waiting",)):
            if not isinstance(task.state, Waiting):
                continue
            if task.state.reason == SETTLING:
                until = self._gathered.setdefault((task.id, len(task.events)), now) + _GATHERING
                if min(until, task.state.until) <= now:
                    end_settling(services, task)
                dues.append(min(until, task.state.until))
                continue
            if task.state.until > now + _LONGEST:
                continue
            # a failed attempt or a further event gives a task new patience; another look at the same thing does not
            key = (task.id, task.attempts, len(task.events))
            if task.state.until <= self._first.setdefault(key, task.state.until) + _AGAIN:
                dues.append(task.state.until)
        return max((min(dues) - now).total_seconds(), 0.0) if dues else None


def work_is_left(services: Services) -> bool:
    """Tell whether a task is ready in a lane that is open, or running, here or in another process."""
    queue = services.store.queue
    counts = queue.counts()
    ready = counts["ready"]
    open_lanes = [lane for lane in Lane if lane not in queue.paused()]
    if isinstance(ready, dict) and any(ready[lane] > queue.left_to_newer(lane) for lane in open_lanes):
        return True
    # a command of a task may say `run` itself: that task would never end if it were waited for
    return bool(counts["running"]) and not services.env.get("SIXTH_TASK_ID")
