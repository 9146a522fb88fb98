"""What a person does to one task: pausing, resuming, putting off, putting behind others. Needs files only, no settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core import lifecycle
from sixthbot.core.errors import UsageError, WorkFailed
from sixthbot.core.events import EventKind
from sixthbot.core.following import Standing, find_circle
from sixthbot.core.tasks import PAUSED, STATE_NAMES, Failed, Parked, Running
from sixthbot.core.times import format_time
from sixthbot.engine.following import look_after
from sixthbot.store.records import about, became
from sixthbot.store.taskform import retry_hint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import AfterFailed, Task
    from sixthbot.store.open import Store

OPEN_STATES = tuple(name for name in STATE_NAMES if name != "done")
_WITH_AFTER = ("waiting", "parked")
"""Where tasks lie that wait for others, or will once their time came or their person answered."""


def told(store: Store, task: Task, fact: Fact, now: datetime, *, kind: str, message: str) -> Task:
    """Do what follows from a fact about a task that no worker has; return it as it is then.

    Raise IllegalTransition for a state in which that cannot be, WorkFailed when it moved on meanwhile.
    """
    after = lifecycle.step(task, fact, now)
    if not store.queue.settle(task, after):
        raise moved_on(task)
    store.journal.append(kind, message, **became(kind, after, task))
    return after


def moved_on(task: Task) -> WorkFailed:
    """Return what is said where somebody else moves a task as something is to be done to it."""
    return WorkFailed(f"{task.id} moved on at this moment", hint=f"sixthbot queue show {task.id}, then again")


def pause(store: Store, task: Task, now: datetime) -> Task:
    """Let a task wait until a person resumes it; one that comes back as running was asked to stop, and will be parked.

    Raise IllegalTransition for one that waits for a person already, failed or is over, WorkFailed for one that is gone.
    """
    while True:
        if isinstance(task.state, Running):
            store.queue.request_pause(task.id)
        else:
            after = lifecycle.step(task, lifecycle.Paused(), now)
            if store.queue.settle(task, after):
                store.queue.clear_pause(task.id)
                store.journal.append("task.paused", "paused by hand", **about(task))
                return after
        found = store.queue.find(task.id)
        if found is None and not isinstance(task.state, Running):
            raise moved_on(task)
        if found is None or (isinstance(task.state, Running) and isinstance(found.state, Running)):
            store.journal.append("task.pause.requested", "asked to give it back", **about(task))
            return task
        if isinstance(found.state, Parked) and found.state.kind == PAUSED:
            return found
        task = found


def resume(store: Store, task: Task, now: datetime) -> Task:
    """Let a paused task go on; a running one that was asked to pause need not. Raise UsageError for one not paused."""
    if isinstance(task.state, Parked) and task.state.kind == PAUSED:
        store.queue.clear_pause(task.id)  # its worker takes the request back just after it put the task away
        return told(store, task, lifecycle.Answered(), now, kind="task.resumed", message="resumed by hand")
    if store.queue.pause_requested(task.id):
        store.queue.clear_pause(task.id)
        return task
    hint = f"sixthbot queue show {task.id}"
    if isinstance(task.state, Parked | Failed):
        # a parked one says how to answer; one moved there by hand, to retry it
        hint = getattr(task.state, "hint", "") or retry_hint(task.id)
    raise UsageError(f"task {task.id} is {task.state.name}: it is not paused", hint=hint)


def defer(store: Store, task: Task, until: datetime, now: datetime) -> Task:
    """Let a task not start before a moment. Raise IllegalTransition for one that runs, waits for a person or is over."""
    message = f"not before {format_time(until)}"
    return told(store, task, lifecycle.Deferred(until), now, kind="task.deferred", message=message)


def put_after(
    store: Store, task: Task, others: Sequence[Task], after_failed: AfterFailed, now: datetime
) -> Task:
    """Let a task wait for others too; return it as it is then. Those that succeeded already are not waited for.

    Raise UsageError where it would wait for itself, or for one that failed or was cancelled; IllegalTransition for one
    that runs, failed or is over.
    """
    standings = store.queue.followers.standings({other.id for other in others})
    for other in others:
        if standings[other.id] in {Standing.FAILED, Standing.CANCELLED}:
            raise UsageError(
                f"task {other.id} {standings[other.id]}: nothing will come of waiting for it",
                hint=f"sixthbot queue retry {other.id}, if it failed; sixthbot queue show {other.id}",
            )
    wanted = [other.id for other in others if standings[other.id] is Standing.OPEN]
    after = tuple(dict.fromkeys((*task.after, *wanted)))
    if after == task.after:
        return task
    # what waits for a time or for a person has its `after` as well, and goes by it later
    graph = {one.id: one.after for one in store.queue.all(states=_WITH_AFTER) if one.after}
    circle = find_circle({**graph, task.id: after}, task.id)
    if circle:
        raise UsageError(
            f"task {task.id} would wait for itself: {' after '.join(circle)}",
            hint="sixthbot queue show ID tells what each waits for",
        )
    message = f"comes after {', '.join(after)}"
    told(store, task, lifecycle.PutAfter(after, after_failed), now, kind="task.put-after", message=message)
    look_after(store, now)  # one of them may have ended meanwhile
    return store.queue.find(task.id) or task


def put_free(store: Store, task: Task, now: datetime) -> Task:
    """Let a task wait for no other task any more."""
    fact = lifecycle.PutAfter((), task.after_failed)
    return told(store, task, fact, now, kind="task.put-after", message="comes after no other task any more")


def is_of_issue(store: Store, task: Task) -> bool:
    """Tell whether a rule made the task of an issue itself, and the issue is there."""
    if task.event.kind != EventKind.ISSUE_ADDED or not task.issue:
        return False
    try:
        store.issues.record(task.issue)
    except UsageError:
        return False
    return True


def is_last_of_issue(store: Store, task: Task) -> bool:
    """Tell whether an issue has nobody left to work on it once the task is given up."""
    if not is_of_issue(store, task):
        return False
    return not any(
        other.issue == task.issue and other.id != task.id and other.event.kind == EventKind.ISSUE_ADDED
        for other in store.queue.all(states=OPEN_STATES)
    )
