"""What is kept how long: lets finished tasks leave the queue for the journal, a few at a time, and old records go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sixthbot.core.errors import UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import IssueStatus
from sixthbot.store.past import remember

if TYPE_CHECKING:
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_TURN = 0.1
"""Seconds that one turn takes at most, as far as single removals allow: the bot has other things to do."""

_TOGETHER = 32
"""So many tasks leave with one sync."""

_OVER = frozenset({IssueStatus.ENDED, IssueStatus.CANCELLED})


class Retention:
    """One sweep over what is old after the other. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._staying: set[str] = set()

    def begin(self, services: Services) -> None:
        """Begin a new sweep: what had to stay in the last one may go now."""
        self._staying.clear()
        services.store.queue.compact()

    def go_on(self, services: Services) -> bool:
        """Do a part of the sweep; tell whether something is left of it."""
        settings, queue, until = services.loaded.config.bot, services.store.queue, time.monotonic() + _TURN
        leaving: list[Task] = []
        for task in queue.done.old(services.clock() - settings.keep_done, settings.keep_done_files):
            if task.id in self._staying:
                continue
            if _is_wanted(services, task):
                self._staying.add(task.id)
                continue
            remember(services.store.journal, task)
            leaving.append(task)
            if len(leaving) >= _TOGETHER:
                queue.done.remove(leaving)
                leaving = []
                if time.monotonic() > until:
                    return True
        queue.done.remove(leaving)
        return False


def _is_wanted(services: Services, task: Task) -> bool:
    """Tell whether a task is an issue's own and the issue is not over: a person may want to go on with it."""
    if task.event.kind != EventKind.ISSUE_ADDED or not task.issue:
        return False
    try:
        return services.store.issues.record(task.issue).status not in _OVER
    except UsageError:
        return False
