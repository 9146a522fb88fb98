"""Says what a task waits for: its own reason, its time, other tasks, its lane, or what runs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.cli.records import local_clock
from sixthbot.core.errors import SixthError
from sixthbot.core.tasks import Blocked, Done, Ready, Waiting
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sixthbot.cli.session import Session
    from sixthbot.core.rules import Rule
    from sixthbot.core.tasks import Task

_NAMED = 3


class Waits:
    """What the tasks of a queue wait for, as it is at one moment."""

    def __init__(self, session: Session, moment: datetime) -> None:
        self._session = session
        self._moment = moment
        self._queue = session.store().queue
        self._running = list(self._queue.all(states=("running",)))
        self._paused = self._queue.paused()
        self._paths: dict[str, str] | None = None
        self._known: dict[str, Rule] | None = None

    def reason(self, task: Task) -> str:
        """Return why a task waits, is parked, failed or was given up; empty when nothing holds it."""
        match task.state:
            case Waiting(until, reason) if task.not_before == until:
                return f"not before {self._clock(until)}" if reason.startswith("not before") else reason
            case Blocked():
                return f"waits for {self._named(task.after)}"
            case Ready():
                return self._held_back(task)
            case Done("cancelled", reason):
                return reason or "cancelled"
            case Done():
                return ""
            case state:
                return str(getattr(state, "reason", ""))

    def _clock(self, moment: datetime) -> str:
        return local_clock(format_time(moment), self._moment).removesuffix(":00")

    def _named(self, ids: Sequence[str]) -> str:
        said = [self._of(one) for one in ids[:_NAMED]]
        return ", ".join(said) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")

    def _of(self, task_id: str) -> str:
        if self._paths is None:  # once for all: looking for one looks at all names
            self._paths = self._queue.files.places()
        task = self._queue.files.load(path) if (path := self._paths.get(task_id)) else None
        if task is None or isinstance(task.state, Done):
            return f"task {task_id}"
        return f"task {task_id} of rule {task.rule} ({task.state.name})"

    def _held_back(self, task: Task) -> str:
        if task.lane in self._paused:
            return f"lane {task.lane.value} is paused"
        alone = next((one for one in self._running if not self._rule(one, parallel_safe=True)), None)
        if alone is not None:
            return f"task {alone.id} of rule {alone.rule} runs alone"
        beside = [one for one in self._running if (one.rule, one.key) == (task.rule, task.key)]
        limit = self._limit(task) if beside else None
        if limit is not None and len(beside) >= limit:
            key = f" and key {task.key}" if task.key else ""
            return f"behind task {beside[0].id} of the same rule{key}"
        return ""

    def _rule(self, task: Task, *, parallel_safe: bool) -> bool:
        rule = self._rules().get(task.rule)
        return rule is None or rule.parallel_safe is parallel_safe

    def _limit(self, task: Task) -> int | None:
        from sixthbot.engine.exclusions import limit_of  # noqa: PLC0415 - lazy, see app

        return limit_of(self._rules().get(task.rule))

    def _rules(self) -> dict[str, Rule]:
        """Return the rules in force, none while the settings cannot be used: the queue can be looked at all the same."""
        if self._known is None:
            try:
                rules = self._session.services().rules.rules
            except SixthError:
                rules = ()
            self._known = {rule.name: rule for rule in rules}
        return self._known
