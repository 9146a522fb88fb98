"""Tasks that come after others: what follows from how those stand, and circles in who waits for whom. Only decides."""

from __future__ import annotations

from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from sixthbot.core.lifecycle import Cancelled, PersonNeeded, PutAfter, Released
from sixthbot.core.tasks import FOLLOWING, AfterFailed, Blocked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sixthbot.core.lifecycle import Fact
    from sixthbot.core.tasks import Task


class Standing(StrEnum):
    """How a task stands that others wait for."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    CANCELLED = "was cancelled"
    FAILED = "failed"
    FORGOTTEN = "is over, and its file is no longer kept"
    UNKNOWN = "is not in the queue"


_HOLDS_BACK = (Standing.FAILED, Standing.CANCELLED)


def decide(followers: Sequence[Task], standings: Mapping[str, Standing]) -> dict[str, Fact]:
    """Return what becomes of the tasks that come after others, by id; those that wait on as they do are not named.

    A task that waits for itself, as an edit of task files can make it, needs a person.
    """
    graph = {task.id: task.after for task in followers}
    in_circles = {name: circle for circle in circles(graph) for name in circle}
    facts: dict[str, Fact] = {}
    for task in followers:
        circle = in_circles.get(task.id)
        fact = what_follows(task, standings) if circle is None else _in_a_circle(task, circle)
        if fact is not None:
            facts[task.id] = fact
    return facts


def what_follows(task: Task, standings: Mapping[str, Standing]) -> Fact | None:
    """Return what becomes of a task that comes after others, None when it waits on as it does.

    A predecessor that is not in the queue needs a person whatever the policy: nobody knows what it would have done.
    A task that was parked for a predecessor waits again, or goes on, once that one is tried again and succeeds.
    """
    held = [(one, standings.get(one, Standing.UNKNOWN)) for one in task.after]
    for one, standing in held:
        if standing is Standing.UNKNOWN or (
            standing in _HOLDS_BACK and task.after_failed is AfterFailed.PARK
        ):
            return _park(task, f"task {one}, which this one comes after, {standing}")
    for one, standing in held:
        if standing in _HOLDS_BACK and task.after_failed is AfterFailed.SKIP:
            return Cancelled(f"skipped: task {one}, which it comes after, {standing}")
    if not any(standing is Standing.OPEN for _, standing in held):
        return Released()
    return None if isinstance(task.state, Blocked) else PutAfter(task.after, task.after_failed)


def _in_a_circle(task: Task, circle: Sequence[str]) -> Fact | None:
    return _park(task, f"it waits for itself: {' after '.join(circle)}")


def _park(task: Task, reason: str) -> Fact | None:
    hint = f"sixthbot queue retry {task.id} does it all the same; sixthbot queue cancel {task.id} gives it up"
    if isinstance(task.state, Blocked):
        return PersonNeeded(FOLLOWING, reason, hint)
    return None  # it is parked already


def find_circle(after: Mapping[str, Iterable[str]], start: str) -> tuple[str, ...]:
    """Return a way from `start` along who waits for whom back to `start`, both ends named; empty when there is none.

    Names that are no key wait for nothing.
    """
    way: list[str] = [start]
    seen = {start}
    ahead = [iter(tuple(after.get(start, ())))]
    while ahead:
        following = next(ahead[-1], None)
        if following is None:
            ahead.pop()
            way.pop()
        elif following == start:
            return (*way, start)
        elif following not in seen:
            seen.add(following)
            way.append(following)
            ahead.append(iter(tuple(after.get(following, ()))))
    return ()


def circles(after: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return circles of who waits for whom, both ends of each named, until none is left without those in them."""
    left = {name: tuple(earlier) for name, earlier in after.items()}
    found: list[tuple[str, ...]] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            circle = tuple(reversed(error.args[1]))  # it tells the way from the awaited to those that wait
            found.append(circle)
            left = {name: earlier for name, earlier in left.items() if name not in circle}
        else:
            return found


def in_order(after: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return all names so that each comes behind those it waits for; there must be no circle."""
    return tuple(TopologicalSorter(after).static_order())
