"""Services over a real repository with rules of the test's own, and short ways to make events and tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sixthbot.actions import registry
from sixthbot.core.events import Event, make_event
from sixthbot.core.rules import Rule, StepSpec
from sixthbot.engine.admit import admit, wake_due
from sixthbot.engine.services import Services, open_services
from sixthbot.engine.worker import Worker
from sixthbot.store.clock import now as real_now
from sixthbot.store.paths import locate
from sixthbot.store.setup import initialise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.tasks import Task
    from sixthbot.store.journal import Record


def use_probe() -> None:
    """Make the tests' action known to the table of actions, for this process."""
    registry._ACTIONS = {**registry._ACTIONS, "probe": "tests.engine.probe"}


def rule(name: str = "probe it", *, on: str = "start", do: tuple[StepSpec, ...] = (), **more: Any) -> Rule:
    """Return a rule with one step that does nothing, unless told otherwise."""
    steps = do or (StepSpec("probe", {}),)
    return Rule(name=name, on=(on,), do=steps, origin="test", digest="d" * 64, **more)


def probe(do: str = "nothing", **args: Any) -> StepSpec:
    """Return a step of the tests' action."""
    return StepSpec("probe", {"do": do, **args})


class Scene:
    """A repository with the bot initialised in it."""

    def __init__(self, top: Path, *rules: Rule, clock: Callable[[], datetime] = real_now) -> None:
        use_probe()
        initialise(locate(top))
        self.clock = clock
        self.services = self._with(open_services(top, clock=clock), rules)

    def _with(self, services: Services, rules: tuple[Rule, ...]) -> Services:
        return replace(services, rules=replace(services.rules, rules=rules, disabled=(), untrusted=()))

    def set_rules(self, *rules: Rule) -> None:
        """Follow other rules from now on."""
        self.services = self._with(self.services, rules)

    def event(self, key: str = "one", kind: str = "start", fields: Mapping[str, Any] | None = None) -> Event:
        """Return an event of now."""
        return make_event(kind, fields or {}, time=self.clock(), key=key)

    def admit(self, *keys: str) -> list[Task]:
        """Let in `start` events with these keys."""
        return admit(self.services, [self.event(key) for key in keys or ("one",)])

    def worker(self, name: str = "w1", **more: Any) -> Worker:
        """Return a worker of this thread."""
        return Worker(name, lambda: self.services, jitter=lambda: 0.0, **more)

    def claim(self, name: str = "w1") -> Task:
        """Claim the most urgent task."""
        task = self.services.store.queue.claim(name)
        assert task is not None
        return task

    def perform(self) -> Task:
        """Claim a task and do it."""
        return self.worker().perform(self.claim())

    def wake(self) -> list[Task]:
        """Make due tasks ready."""
        return wake_due(self.services)

    def task(self, task_id: str) -> Task:
        """Return a task that must be there."""
        task = self.services.store.queue.find(task_id)
        assert task is not None
        return task

    def journal(self, kind: str) -> list[Record]:
        """Return the records of a kind, oldest first."""
        return list(self.services.store.journal.read(where=lambda record: record.kind == kind))


SECOND = timedelta(seconds=1)
