"""What is kept how long: lets finished tasks leave the queue for the journal, a few at a time, and old records go."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.errors import UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import IssueStatus
from sixthbot.core.times import parse_time
from sixthbot.store.leftovers import sweep_leftovers
from sixthbot.store.past import remember

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_TURN = 0.1
"""Seconds that one turn takes at most, as far as single removals allow: the bot has other things to do."""

_TOGETHER = 32
"""So many tasks leave with one sync."""

_OVER = frozenset({IssueStatus.ENDED, IssueStatus.CANCELLED})


class Retention:
    """One sweep over what is old after the other. Not for use by two threads at once.

    A clock that jumps ahead must let nothing go: what is old is measured by the last thing that was recorded before the
    bot began, and by the time that passed since. After a holiday that keeps things until the bot begins once more.
    """

    def __init__(self, services: Services, tick: Callable[[], float] = time.monotonic) -> None:
        last = next(services.store.journal.read(newest_first=True), None)
        now = services.clock()
        self._tick, self._began = tick, tick()
        self._known = now if last is None else min(now, parse_time(last.time))
        self._old: Iterator[Task] | None = None

    def begin(self, services: Services) -> None:
        """Begin a new sweep: what had to stay in the last one may go now."""
        self._old = None
        services.store.queue.compact()

    def go_on(self, services: Services) -> bool:
        """Do a part of the sweep; tell whether something is left of it."""
        settings, queue, until = services.loaded.config.bot, services.store.queue, time.monotonic() + _TURN
        leaving: list[Task] = []
        now = min(services.clock(), self._known + timedelta(seconds=self._tick() - self._began))
        before = now - settings.keep_done
        if self._old is None:  # once for each sweep, since it looks at all of them
            self._old = queue.done.old(before, settings.keep_done_files)
        for task in self._old:
            if _is_wanted(services, task):
                continue
            remember(services.store.journal, task)
            leaving.append(task)
            if len(leaving) >= _TOGETHER:
                _let_go(services, leaving)
                leaving = []
                if time.monotonic() > until:
                    return True
        _let_go(services, leaving)
        self._old = None
        sweep_leftovers(services.places, set(queue.ids()), before, rules=_rules(services))
        return False


def _rules(services: Services) -> set[str]:
    rules = services.rules
    sound = {rule.name for rule in (*rules.rules, *rules.switched_off)}
    return sound | {rule.name for rule in rules.disabled} | set(rules.replaced)


def _let_go(services: Services, tasks: Sequence[Task]) -> None:
    """Remove the files of tasks that the journal remembers, once it would do so after a power cut too."""
    if tasks:
        services.store.journal.sync()
        services.store.queue.done.remove(tasks)


def _is_wanted(services: Services, task: Task) -> bool:
    """Tell whether a task is an issue's own and the issue is not over: a person may want to go on with it."""
    if task.event.kind != EventKind.ISSUE_ADDED or not task.issue:
        return False
    try:
        return services.store.issues.record(task.issue).status not in _OVER
    except UsageError:
        return False
