"""What may not run beside what runs now, in whatever process: rules that count by key, and those that run alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.rules import Mode

if TYPE_CHECKING:
    from sixthbot.core.rules import Rule
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services


class Exclusions:
    """A look at what the other workers run, taken once, when it is first needed.

    A worker looks before it claims and again after: of two that claim at the same moment in two processes at least
    one sees the other, and gives its task back.
    """

    def __init__(self, services: Services, worker: str) -> None:
        self._queue = services.store.queue
        self._rules = {rule.name: rule for rule in services.rules.rules}
        self._worker = worker
        self._seen: list[Task] | None = None

    def full(self, task: Task) -> bool:
        """Tell whether as many tasks of its rule and key run as may."""
        limit = limit_of(self._rules.get(task.rule))
        if limit is None:
            return False
        return sum((other.rule, other.key) == (task.rule, task.key) for other in self.others()) >= limit

    def closed(self, task: Task | None = None) -> bool:
        """Tell whether a task that runs alone was claimed, so that nothing else may start.

        Of two that want to run alone the more urgent one does first: it is not closed for that `task`.
        """
        if all(rule.parallel_safe for rule in self._rules.values()):
            return False
        alone = [other for other in self.others() if self.alone(other)]
        if task is not None and self.alone(task):
            alone = [other for other in alone if (other.deadline, other.id) < (task.deadline, task.id)]
        return bool(alone)

    def alone(self, task: Task) -> bool:
        """Tell whether nothing may run beside a task."""
        rule = self._rules.get(task.rule)
        return rule is not None and not rule.parallel_safe

    def others(self) -> list[Task]:
        """Return what the other workers have in hand."""
        if self._seen is None:
            running = self._queue.all(states=("running",))
            self._seen = [task for task in running if getattr(task.state, "worker", "") != self._worker]
        return self._seen


def limit_of(rule: Rule | None) -> int | None:
    """Return how many tasks of a rule and one key may run at a time, None for any number."""
    if rule is None:
        return None
    if rule.concurrency:
        return rule.concurrency
    return None if rule.mode is Mode.PARALLEL else 1
