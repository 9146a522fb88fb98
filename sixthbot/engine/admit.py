"""Lets events in: matches each with the rules and puts what they want done into the queue, the same event once only."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sixthbot.core import lifecycle
from sixthbot.core.errors import SixthError
from sixthbot.core.events import EventKind, event_to_json
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.matching import match, meant_for
from sixthbot.core.rules import Mode
from sixthbot.core.tasks import Lane, Running, Task, Waiting, task_id
from sixthbot.core.times import format_duration, format_time, parse_time
from sixthbot.store.locks import hold
from sixthbot.store.records import about

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sixthbot.core.events import Event
    from sixthbot.core.rules import Rule, Verdict
    from sixthbot.engine.services import Services

SETTLING = "settling"
"""The reason of a task that waits for more events like its first one."""

_COOLDOWNS = "cooldowns"
_SETTLE_SPAN = 10  # a stream of events without a pause is cut into tasks of at most so many settle times
_PATIENCE = 30.0  # seconds to wait for another process that lets events in
_LOCK = threading.Lock()  # follow-ups of workers and the bot's own intake come from several threads


def admit(services: Services, events: Sequence[Event]) -> list[Task]:
    """Put a task for every rule that fires; return the tasks that are new, or that took in a further event.

    Seeing an event again makes no second task. Each event leaves one journal record of kind "event" with the
    verdict of every rule that names its kind in `on`.
    """
    with _LOCK, _alone(services, events):
        return [task for event in events for task in _admit_one(services, event)]


def wake_due(services: Services) -> list[Task]:
    """Make ready every waiting task whose time has come, and return those."""
    now = services.clock()
    woken = []
    for task in services.store.queue.due(now):
        after = lifecycle.step(task, lifecycle.TimeCame(), now)
        if services.store.queue.settle(task, after):
            woken.append(after)
    return woken


def hasten(services: Services) -> list[Task]:
    """Make ready the tasks that only wait for another look, such as at a branch or another issue; return them.

    Retries keep their pauses, and tasks that gather events keep gathering.
    """
    hastened = []
    for task in services.store.queue.all(states=("waiting",)):
        if not isinstance(task.state, Waiting) or task.state.reason.startswith((SETTLING, "attempt ")):
            continue
        after = lifecycle.step(task, lifecycle.TimeCame(), services.clock())
        if services.store.queue.settle(task, after):
            hastened.append(after)
    return hastened


def _alone(services: Services, events: Sequence[Event]) -> AbstractContextManager[object]:
    """Keep other processes from letting in at the same time, where a rule looks at what is in the queue already."""
    kinds = {event.kind for event in events}
    if not any(_looks_around(rule) and kinds.intersection(rule.on) for rule in services.rules.rules):
        return nullcontext()
    return hold(services.places.locks / "admit.lock", what="letting events in", patience=_PATIENCE)


def _looks_around(rule: Rule) -> bool:
    return bool(rule.settle or rule.cooldown or rule.mode in {Mode.SINGLE, Mode.RESTART})


def _admit_one(services: Services, event: Event) -> list[Task]:
    now = services.clock()
    verdicts, tasks = [], []
    for rule in services.rules.rules:
        if event.kind not in rule.on or not meant_for(rule, event):
            continue
        verdict = match(rule, event)
        if verdict.fired:
            verdict, task = _fire(services, _Firing(rule, event, verdict.key, now), verdict)
            tasks += [task] if task is not None else []
        verdicts.append(verdict)
    fired = [verdict.rule for verdict in verdicts if verdict.fired]
    services.store.journal.append(
        "event",
        f"{event.kind} {event.key}: " + (f"fired {', '.join(fired)}" if fired else "no rule fired"),
        event=event.id,
        issue=_issue_of(event) or None,
        data={
            "event": event_to_json(event),
            "verdicts": [_verdict_to_json(verdict) for verdict in verdicts],
            "tasks": [task.id for task in tasks],
        },
    )
    return tasks


@dataclass(frozen=True, slots=True)
class _Firing:
    """One rule that fires for one event at a moment, with its key filled in."""

    rule: Rule
    event: Event
    key: str
    now: datetime


def _fire(services: Services, firing: _Firing, verdict: Verdict) -> tuple[Verdict, Task | None]:
    """Put the task, or say in the verdict why the rule's mode, settle or cooldown wants none."""
    queue, rule = services.store.queue, firing.rule
    if queue.knows(task_id(rule.name, firing.event)):
        return replace(verdict, reason="seen before: its task is there already"), None
    others = _active(services, rule, firing.key)
    joined = _join_settling(services, firing, others)
    if joined is not None:
        return replace(verdict, reason=f"joined task {joined.id}, which is settling"), joined
    if any(firing.event in task.events for task in others):
        return replace(verdict, reason="seen before: its task is there already"), None
    refusal = _cooling(services, firing)
    if not refusal and rule.mode is Mode.SINGLE and others:
        refusal = f"task {others[0].id} of the same key is there and the mode is single"
    if refusal:
        return replace(verdict, fired=False, reason=refusal), None
    if rule.mode is Mode.RESTART:
        for task in others:
            cancel(services, task, reason="a newer event restarts it")
    task = _make_task(services, firing)
    if not queue.put(task):
        return replace(verdict, reason="seen before: its task is there already"), None
    services.store.journal.append("task.made", f"{task.id}, lane {task.lane}", level="debug", **about(task))
    _note_cooldown(services, firing)
    return verdict, task


def cancel(services: Services, task: Task, *, reason: str) -> Task | None:
    """Cancel a task in whatever state it is by now; return it as it is then, None when it was over already.

    A running one is told to stop and ends within a second, in its worker.
    """
    after = services.store.queue.cancel(task)
    if after is None or isinstance(after.state, Running):
        return after
    services.store.journal.append("task.cancelled", f"cancelled: {reason}", **about(task))
    return after


def _active(services: Services, rule: Rule, key: str) -> list[Task]:
    """Tasks of the rule and key that are not over. Only looked up where the rule asks for it: it reads the queue."""
    if not _looks_around(rule):
        return []
    states = ("running", "ready", "waiting")
    return [
        task for task in services.store.queue.all(states=states) if task.rule == rule.name and task.key == key
    ]


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
        after = replace(task, events=(*task.events, event), state=Waiting(until, SETTLING))
        if services.store.queue.settle(task, after):
            # seen again when that task is over, and perhaps pruned, it must not fire
            services.store.queue.spend(task_id(rule.name, event))
            return after
    return None


def _cooling(services: Services, firing: _Firing) -> str:
    """Why the rule is cooling down for this key, or nothing."""
    if not firing.rule.cooldown:
        return ""
    last = (services.store.cursors.load(_COOLDOWNS) or {}).get(_cooldown_key(firing))
    if not isinstance(last, str):
        return ""
    until = parse_time(last) + firing.rule.cooldown
    if firing.now >= until:
        return ""
    return f"cooling down for {format_duration(firing.rule.cooldown)}, until {format_time(until)}"


def _note_cooldown(services: Services, firing: _Firing) -> None:
    if firing.rule.cooldown:
        since, own = format_time(firing.now - firing.rule.cooldown), f"{firing.rule.name}\n"
        saved = services.store.cursors.load(_COOLDOWNS) or {}
        seen = {key: last for key, last in saved.items() if not key.startswith(own) or str(last) > since}
        seen[_cooldown_key(firing)] = format_time(firing.now)
        services.store.cursors.save(_COOLDOWNS, seen)


def _cooldown_key(firing: _Firing) -> str:
    return f"{firing.rule.name}\n{firing.key}"


def _make_task(services: Services, firing: _Firing) -> Task:
    rule, event, now = firing.rule, firing.event, firing.now
    task = Task(
        id=task_id(rule.name, event),
        rule=rule.name,
        rule_hash=rule.digest,
        events=(event,),
        lane=rule.lane,
        created=now,
        deadline=now + rule.lane.wait,
        key=firing.key,
        issue=_issue_of(event),
    )
    if event.kind == EventKind.ISSUE_ADDED:
        task = _with_wishes(services, task)
    if rule.settle:
        task = replace(task, state=Waiting(now + rule.settle, SETTLING))
    return task


def _issue_of(event: Event) -> str:
    field = "id" if event.kind == EventKind.ISSUE_ADDED else "issue"
    return str(event.fields.get(field, ""))


def _with_wishes(services: Services, task: Task) -> Task:
    """Take lane, intensity and budgets from the issue's own front matter."""
    try:
        issue = parse_issue(services.store.issues.issue_text(task.issue), "issue.md")
    except (SixthError, OSError):
        return task  # the issue's file went meanwhile; the task's first step says so
    lane = Lane(issue.priority) if issue.priority else task.lane
    return replace(
        task,
        lane=lane,
        deadline=task.created + lane.wait,
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
