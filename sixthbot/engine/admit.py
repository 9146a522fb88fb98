"""Lets events in: matches each with the rules and puts what they want done into the queue, the same event once only."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sixthbot.core import lifecycle
from sixthbot.core.errors import SixthError
from sixthbot.core.events import EventKind, about_of, event_to_json
from sixthbot.core.following import in_order
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.matching import match, meant_for
from sixthbot.core.rules import Mode
from sixthbot.core.tasks import Lane, Running, Task, Waiting, deadline_of, task_id
from sixthbot.core.times import format_time, parse_moment
from sixthbot.engine.following import let_follow
from sixthbot.engine.restraint import at_its_limit, cooling, note_acted
from sixthbot.store.astray import take_in
from sixthbot.store.locks import hold
from sixthbot.store.records import about, became
from sixthbot.store.rulefiles import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule, Verdict
    from sixthbot.engine.services import Services

SETTLING = "settling"
"""The reason of a task that waits for more events like its first one."""

_SETTLE_SPAN = 10  # a stream of events without a pause is cut into tasks of at most so many settle times
_PASSED_OVER = 20  # so many are named with each event
_PATIENCE = 30.0  # seconds to wait for another process that lets events in
_LOCKS: dict[
    Path, threading.Lock
] = {}  # for each queue: follow-ups of workers and the bot's own intake are threads


def admit(services: Services, events: Sequence[Event]) -> list[Task]:
    """Put a task for every rule that fires; return the tasks that are new, or that took in a further event.

    Seeing an event again makes no second task. Each event leaves one journal record of kind "event" with the
    verdict of every rule that names its kind in `on`.
    """
    batch = _Batch(services)
    with _LOCKS.setdefault(services.places.queue, threading.Lock()), _alone(services, events) as alone:
        if alone:
            services.store.queue.groups.look()
        try:
            tasks = [task for event in events for task in _admit_one(services, event, batch)]
        finally:
            batch.finish()
    return tasks


def wake_due(services: Services) -> list[Task]:
    """Make ready every waiting task whose time has come, and return those."""
    now = services.clock()
    woken = []
    for task in services.store.queue.due(now):
        after = lifecycle.step(task, lifecycle.TimeCame(), now)
        if services.store.queue.settle(task, after):
            services.store.journal.append(
                "task.due", "its time came", level="debug", **became("task.due", after, task)
            )
            woken.append(after)
    return woken


def end_settling(services: Services, task: Task) -> None:
    """Make a task ready that gathers events, before its time."""
    after = lifecycle.step(task, lifecycle.TimeCame(), services.clock())
    if services.store.queue.settle(task, after):
        services.store.journal.append(
            "task.due", "gathers no more events", level="debug", **became("task.due", after, task)
        )


def take_in_strays(services: Services) -> list[Task]:
    """Make ready what a person put into the queue's folder itself, or straight into `ready/`; return those tasks."""
    taken = take_in(services.store.queue.files)
    for task in taken:
        services.store.journal.append(
            "task.taken-in", "was put there by hand", **became("task.taken-in", task)
        )
    return taken


def hasten(services: Services) -> list[Task]:
    """Make ready the tasks that only wait for another look, such as at a branch or another issue; return them.

    Retries keep their pauses, tasks that gather events keep gathering, and none starts before its time.
    """
    hastened = []
    for task in services.store.queue.all(states=("waiting",)):
        if not isinstance(task.state, Waiting) or task.state.reason.startswith((SETTLING, "attempt ")):
            continue
        if task.not_before is not None:
            continue
        after = lifecycle.step(task, lifecycle.TimeCame(), services.clock())
        if services.store.queue.settle(task, after):
            services.store.journal.append(
                "task.due", "is looked at again", level="debug", **became("task.due", after, task)
            )
            hastened.append(after)
    return hastened


def _alone(services: Services, events: Sequence[Event]) -> AbstractContextManager[object]:
    """Keep other processes from letting in at the same time, where a rule looks at what is in the queue already.

    Gives None where none does.
    """
    kinds = {event.kind for event in events}
    if not any(_looks_around(rule) and kinds.intersection(rule.on) for rule in services.rules.rules):
        return nullcontext()
    return hold(services.places.locks / "admit.lock", what="letting events in", patience=_PATIENCE)


def _looks_around(rule: Rule) -> bool:
    return bool(rule.settle or rule.cooldown or rule.limit or rule.mode in {Mode.SINGLE, Mode.RESTART})


class _Batch:
    """What is written once for a batch of events, at its end: new tasks, what rules said, and then the journal.

    Tasks of rules that look at the queue are in it at once.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: dict[str, Task] = {}
        self._told: list[Callable[[], object]] = []
        self._looked: dict[str, list[dict[str, Any]]] = {}
        self._stopped: dict[str, dict[str, str] | None] = {}

    def add(self, verdict: Verdict, event: Event, task: Task | None, now: datetime) -> None:
        """Take in what one rule said of one event."""
        trace = {
            "time": format_time(now), "event": event.id, "kind": event.kind, "about": about_of(event),
            "task": task.id if task else "", **_verdict_to_json(verdict),
        }  # fmt: skip
        self._looked.setdefault(verdict.rule, []).append(trace)
        if verdict.stopped:
            self._stopped[verdict.rule] = {"time": format_time(now), "reason": verdict.reason}
        elif task is not None:
            self._stopped[verdict.rule] = None

    def knows(self, task_id: str) -> bool:
        """Tell whether there is such a task, in the queue or still to be put into it."""
        return task_id in self._tasks or self._services.store.queue.knows(task_id)

    def put(self, task: Task, *, at_once: bool) -> bool:
        """Put a task now or at the end; tell whether it is new."""
        if at_once:
            queue = self._services.store.queue
            if new := queue.put(task):
                queue.groups.add(task)
            return new
        self._tasks[task.id] = task
        return True

    def tell(self, kind: str, message: str, **details: Any) -> None:
        """Append to the journal at the end: it must not tell of tasks that were never put."""
        self._told.append(partial(self._services.store.journal.append, kind, message, **details))

    def finish(self) -> None:
        """Write everything; raise OSError, with the journal and traces as they were, when the tasks cannot be put."""
        self._services.store.queue.put_many(list(self._tasks.values()))
        for tell in self._told:
            tell()
        for rule, traces in self._looked.items():
            self._services.store.traces.looked(rule, traces)
        self._services.store.traces.stopped(self._stopped)


def _admit_one(services: Services, event: Event, batch: _Batch) -> list[Task]:
    now = services.clock()
    rules = {
        rule.name: rule for rule in services.rules.rules if event.kind in rule.on and meant_for(rule, event)
    }
    said: dict[str, Verdict] = {}
    made: dict[str, str] = {}
    tasks = []
    for name in in_order({name: rule.after for name, rule in rules.items()}):
        if name not in rules:
            continue  # only named in an `after`: it does not listen to this event
        rule = rules[name]
        verdict, task = match(rule, event), None
        if verdict.fired:
            after = tuple(made[earlier] for earlier in rule.after if earlier in made)
            firing = _Firing(rule, event, verdict.key, now, after)
            verdict, task, doing = _fire(services, firing, verdict, batch)
            tasks += [task] if task is not None else []
            made |= {name: doing} if doing else {}
        if verdict.stopped:
            batch.tell(
                "rule.stopped",
                f"{rule.name} {verdict.reason}",
                level="warning",
                rule=rule.name,
                event=event.id,
            )
        said[name] = verdict
        batch.add(verdict, event, task, now)
    verdicts = [said[name] for name in rules]
    fired = [verdict.rule for verdict in verdicts if verdict.fired]
    batch.tell(
        "event",
        f"{event.kind} {about_of(event)}: " + (f"fired {', '.join(fired)}" if fired else "no rule fired"),
        # a draft says itself that it is ready
        level="debug" if event.own and event.kind == EventKind.DRAFT_READY else "info",
        event=event.id,
        issue=_issue_of(event) or None,
        data={
            "event": event_to_json(event),
            "verdicts": [_verdict_to_json(verdict) for verdict in verdicts],
            "tasks": [task.id for task in tasks],
            **_passed_over(services, event),
        },
    )
    return tasks


def _passed_over(services: Services, event: Event) -> dict[str, Any]:
    """Return what was not asked about an event, and so cannot have a verdict: files that wait for trust, broken rules."""
    rules = services.rules
    off = [rule for rule in rules.switched_off if event.kind in rule.on and rule.origin != SHIPPED]
    disabled = [{"name": rule.name, "reason": rule.reason} for rule in rules.disabled]
    disabled += [{"name": rule.name, "reason": "it is switched off (enabled = false)"} for rule in off]
    found = {"untrusted": list(rules.untrusted)[:_PASSED_OVER], "disabled": disabled[:_PASSED_OVER]}
    return {"passed_over": found} if rules.untrusted or disabled else {}


@dataclass(frozen=True, slots=True)
class _Firing:
    """One rule that fires for one event at a moment, with its key filled in, and the tasks that come before its own."""

    rule: Rule
    event: Event
    key: str
    now: datetime
    after: tuple[str, ...] = ()


def _fire(
    services: Services, firing: _Firing, verdict: Verdict, batch: _Batch
) -> tuple[Verdict, Task | None, str]:
    """Put the task, or say in the verdict why the rule's mode, settle or cooldown wants none.

    Return also the id of the task that does, or did, what the rule wants done about the event; empty for none.
    """
    rule = firing.rule
    own = task_id(rule.name, firing.event)
    seen = replace(verdict, reason="seen before: its task is there already")
    if batch.knows(own):
        return seen, None, own
    others = _active(services, rule, firing.key)
    joined = _join_settling(services, firing, others)
    if joined is not None:
        return replace(verdict, reason=f"joined task {joined.id}, which is settling"), joined, joined.id
    for task in others:
        if firing.event in task.events:
            return seen, None, task.id
    too_many = at_its_limit(services, rule, firing.now)
    refusal = too_many or cooling(services, rule, firing.key, firing.now)
    if not refusal and rule.mode is Mode.SINGLE and others:
        refusal = f"task {others[0].id} of the same key is there and the mode is single"
    if refusal:
        return replace(verdict, fired=False, reason=refusal, stopped=bool(too_many)), None, ""
    if rule.mode is Mode.RESTART:
        for task in others:
            cancel(services, task, reason="a newer event restarts it")
    task = _make_task(services, firing)
    if not batch.put(task, at_once=_looks_around(rule)):
        return seen, None, own
    batch.tell(
        "task.made",
        f"made by the rule {rule.name}, lane {task.lane}",
        level="debug",
        **became("task.made", task),
    )
    note_acted(services, rule, firing.key, firing.now)
    return verdict, task, own


def cancel(services: Services, task: Task, *, reason: str) -> Task | None:
    """Cancel a task in whatever state it is by now; return it as it is then, None when it was over already.

    A running one is told to stop and ends within a second, in its worker.
    """
    after = services.store.queue.cancel(task)
    if after is None or isinstance(after.state, Running):
        return after
    services.store.journal.append("task.cancelled", f"cancelled: {reason}", **about(task))
    let_follow(services.store, after, services.clock())
    return after


def _active(services: Services, rule: Rule, key: str) -> list[Task]:
    """Tasks of the rule and key that are not over, the newest first. Only looked up where the rule asks for them."""
    if not (rule.settle or rule.mode in {Mode.SINGLE, Mode.RESTART}):
        return []
    return list(services.store.queue.groups.newest(rule.name, key))


def _join_settling(services: Services, firing: _Firing, others: Sequence[Task]) -> Task | None:
    rule, event, now = firing.rule, firing.event, firing.now
    if not rule.settle:
        return None
    for task in others:
        settling = (
            isinstance(task.state, Waiting) and task.state.reason == SETTLING and task.state.until > now
        )
        if not settling or event in task.events:
            continue
        until = min(now + rule.settle, task.created + _SETTLE_SPAN * rule.settle)
        after = replace(
            task,
            events=(*task.events, event),
            after=tuple(dict.fromkeys((*task.after, *firing.after))),
            state=Waiting(until, SETTLING),
        )
        if services.store.queue.settle(task, after):
            # seen again when that task is over, and perhaps pruned, it must not fire
            services.store.queue.spend(task_id(rule.name, event))
            return after
    return None


def _make_task(services: Services, firing: _Firing) -> Task:
    rule, event, now = firing.rule, firing.event, firing.now
    not_before = now + rule.delay if rule.delay else None
    task = Task(
        id=task_id(rule.name, event),
        rule=rule.name,
        rule_hash=rule.digest,
        events=(event,),
        lane=rule.lane,
        created=now,
        deadline=deadline_of(rule.lane, now, not_before),
        key=firing.key,
        issue=_issue_of(event),
        not_before=not_before,
        after=firing.after,
        after_failed=rule.after_failed,
    )
    if event.kind == EventKind.ISSUE_ADDED:
        task = _with_wishes(services, task)
    if rule.settle:
        return replace(task, state=Waiting(now + rule.settle, SETTLING))
    return lifecycle.set_free(task, now)


def _issue_of(event: Event) -> str:
    field = "id" if event.kind == EventKind.ISSUE_ADDED else "issue"
    return str(event.fields.get(field, ""))


def _with_wishes(services: Services, task: Task) -> Task:
    """Take lane, earliest start, intensity and budgets from the issue's own front matter."""
    try:
        issue = parse_issue(services.store.issues.issue_text(task.issue), "issue.md")
    except (SixthError, OSError):
        return task  # the issue's file went meanwhile; the task's first step says so
    not_before = task.not_before
    if issue.not_before:
        # a time of day is meant as the person's clock shows it
        not_before = parse_moment(issue.not_before, task.created.astimezone())
    task = replace(task, not_before=not_before)
    return replace(
        task.in_lane(Lane(issue.priority) if issue.priority else task.lane),
        intensity=issue.intensity,
        min_budget=issue.min_budget,
        max_budget=issue.max_budget,
    )


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule,
        "fired": verdict.fired,
        "reason": verdict.reason,
        "key": verdict.key,
        "terms": [{"text": term.text, "held": term.held, "value": term.value} for term in verdict.terms],
    }
