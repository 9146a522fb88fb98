"""Lets tasks go on that come after others: at once when one of those ends, and by looking at all of them now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core import lifecycle
from sixthbot.core.following import decide
from sixthbot.core.tasks import Done, Failed, Parked, Ready, Waiting
from sixthbot.store.records import became

if TYPE_CHECKING:
    from datetime import datetime

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.store.open import Store


_EVERY = 10.0
"""Seconds after which all of them are looked at again, though nothing seems to have changed."""


class FollowerWatch:
    """When the bot looks at the tasks that come after others: once new ones wait, and from time to time."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._looked_at = float("-inf")

    def look(self, services: Services, tick: float, *, now: bool = False) -> list[Task]:
        """Look at them if it is time, or `now`; return those that changed. `tick` is a clock in seconds."""
        waiting = [task.id for task in services.store.queue.followers.current()]
        fresh = waiting != self._seen
        self._seen = waiting
        if not waiting or not (now or fresh or tick - self._looked_at >= _EVERY):
            return []
        self._looked_at = tick
        return look_after(services.store, services.clock())


def let_follow(store: Store, over: Task, now: datetime) -> list[Task]:
    """Do what follows for the tasks that come after one that has just ended; return those that changed."""
    if any(over.id in task.after for task in store.queue.followers.current()):
        return look_after(store, now)
    return []


def look_after(store: Store, now: datetime) -> list[Task]:
    """Look at every task that comes after others, as if each of those had just ended; return those that changed.

    This is what makes up for a process that died in between, for files moved by hand, and for circles made by hand.
    """
    changed: list[Task] = []
    queue, again = store.queue, True
    while again:
        followers = queue.followers.current()
        awaited = {one for task in followers for one in task.after}
        facts = decide(followers, queue.followers.standings(awaited)) if followers else {}
        told = [_told(store, task, facts[task.id], now) for task in followers if task.id in facts]
        moved = [task for task in told if task is not None]
        changed += moved
        again = any(isinstance(task.state, Done) for task in moved)  # others may come after a skipped one
    return changed


def _told(store: Store, task: Task, fact: Fact, now: datetime) -> Task | None:
    after = lifecycle.step(task, fact, now)
    if not store.queue.settle(task, after):
        return None  # somebody was faster: where it is now counts
    kind, message, level = _story(after)
    store.journal.append(kind, message, level=level, **became(kind, after, task))
    return after


def _story(after: Task) -> tuple[str, str, str]:
    match after.state:
        case Ready():
            return "task.released", "those it comes after are over", "info"
        case Waiting(reason=reason):
            return "task.waiting", f"those it comes after are over; {reason}", "info"
        case Parked(reason=reason):
            return "task.parked", f"waits for a person: {reason}", "warning"
        case Done(reason=reason):
            return "task.cancelled", reason, "warning"
        case Failed(reason):
            return "task.failed", reason, "error"
        case _:
            return "task.waiting", "waits again for those it comes after", "info"
