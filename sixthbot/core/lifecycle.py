"""The life of a task: one table, state x fact -> state. Everything that changes a task's state goes through here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from sixthbot.core.errors import SixthError
from sixthbot.core.tasks import (
    FOLLOWING,
    PAUSED,
    AfterFailed,
    Blocked,
    Done,
    Failed,
    Parked,
    Ready,
    Running,
    State,
    Task,
    Waiting,
    deadline_of,
)
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CRASH_LIMIT = 3
"""A task that killed this many workers is set aside."""

_NAMED = 3
"""How many of the tasks that another waits for its reason names."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker took it."""

    worker: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Its last step is done."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A step failed. `retries` is how often the rule tries again; `jitter`, 0 to 1, is added to the backoff."""

    reason: str
    retries: int
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class PersonNeeded:
    """A step cannot go on without a person."""

    kind: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A step asks to be tried later; no attempt is counted."""

    reason: str
    delay: timedelta


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker and its children are gone without a word."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The worker stopped in good order and returned it."""


@dataclass(frozen=True, slots=True)
class TimeCame:
    """What it waited for has come."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A person did what it was parked for."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A person wants it tried again, from a clean count."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A person does not want it any more, or nobody can, for the `reason`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Paused:
    """A person wants it to wait until they resume it; no attempt is counted."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A person wants it not to start before a moment."""

    until: datetime


@dataclass(frozen=True, slots=True)
class PutAfter:
    """It is to wait until these tasks are over, and for nothing when there are none."""

    after: tuple[str, ...]
    after_failed: AfterFailed


@dataclass(frozen=True, slots=True)
class Released:
    """The tasks that it came after are over, and nothing of theirs holds it any more."""


Fact: TypeAlias = (
    Claimed
    | Succeeded
    | AttemptFailed
    | PersonNeeded
    | Postponed
    | WorkerLost
    | GivenBack
    | TimeCame
    | Answered
    | Retried
    | Cancelled
    | Paused
    | Deferred
    | PutAfter
    | Released
)


class IllegalTransition(SixthError):
    """A fact that cannot happen to a task in its state, such as claiming a parked one."""


TRANSITIONS: Mapping[type[State], Mapping[type[Fact], tuple[type[State], ...]]] = MappingProxyType(
    {
        Ready: {
            Claimed: (Running,),
            Cancelled: (Done,),
            Postponed: (Waiting,),
            PersonNeeded: (Parked,),
            Paused: (Parked,),
            Deferred: (Waiting, Ready),
            PutAfter: (Blocked, Ready),
        },
        Waiting: {
            TimeCame: (Ready, Waiting, Blocked),
            Answered: (Ready, Waiting, Blocked),
            Retried: (Ready,),
            Cancelled: (Done,),
            Paused: (Parked,),
            Deferred: (Waiting, Blocked, Ready),
            PutAfter: (Waiting,),
        },
        Blocked: {
            Released: (Ready, Waiting),
            PersonNeeded: (Parked,),
            Retried: (Ready,),
            Cancelled: (Done,),
            Paused: (Parked,),
            Deferred: (Blocked, Waiting, Ready),
            PutAfter: (Blocked, Waiting, Ready),
        },
        Running: {
            Succeeded: (Done,),
            AttemptFailed: (Waiting, Failed),
            PersonNeeded: (Parked,),
            Postponed: (Waiting,),
            WorkerLost: (Ready, Failed),
            GivenBack: (Ready,),
            Cancelled: (Done,),
            Paused: (Parked,),
        },
        Parked: {
            Answered: (Ready, Waiting, Blocked),
            Released: (Ready, Waiting),
            PutAfter: (Parked, Blocked, Waiting, Ready),
            Retried: (Ready,),
            Cancelled: (Done,),
        },
        Failed: {Retried: (Ready,), Cancelled: (Done,), Deferred: (Waiting, Ready)},
        Done: {},
    }
)
"""State x fact -> the states it may lead to. A pair that is not here is an IllegalTransition."""


def step(task: Task, fact: Fact, now: datetime) -> Task:
    """Return the task after `fact`, counts included; raise IllegalTransition for a pair that is not in the table."""
    allowed = TRANSITIONS[type(task.state)].get(type(fact))
    if allowed is None:
        raise IllegalTransition(
            f"task {task.id} is {task.state.name}: it cannot be {_verb(fact)}", hint=_way_on(task)
        )
    after = _apply(task, fact, now)
    if type(after.state) not in allowed:
        raise AssertionError(
            f"{type(fact).__name__} led to {after.state.name}, which the table does not list"
        )
    return after


def _apply(task: Task, fact: Fact, now: datetime) -> Task:  # noqa: PLR0911 - one line per fact reads best
    match fact:
        case Claimed(worker):
            return replace(task, state=Running(worker))
        case Succeeded():
            return replace(task, state=Done("succeeded"))
        case AttemptFailed():
            return _after_failure(task, fact, now)
        case PersonNeeded(kind, reason, hint):
            return replace(task, state=Parked(kind, reason, hint))
        case Postponed(reason, delay):
            return replace(task, state=Waiting(now + delay, reason))
        case WorkerLost():
            return _after_crash(task)
        case GivenBack():
            return replace(task, state=Ready())
        case TimeCame() | Answered():
            return set_free(task, now)
        case _:
            return _steered(task, fact, now)


def _steered(
    task: Task, fact: Retried | Cancelled | Paused | Deferred | PutAfter | Released, now: datetime
) -> Task:
    match fact:
        case Retried():
            return replace(task, state=Ready(), attempts=0, crashes=0, after=(), not_before=None)
        case Cancelled(reason):
            return replace(task, state=Done("cancelled", reason))
        case Paused():
            hint = f"sixthbot queue resume {task.id}"
            return replace(task, state=Parked(PAUSED, "paused by hand", hint))
        case Deferred(until):
            return _deferred(task, until, now)
        case PutAfter(after, after_failed):
            return _put_after(replace(task, after=after, after_failed=after_failed), now)
        case Released():
            return set_free(replace(task, after=()), now)


def set_free(task: Task, now: datetime) -> Task:
    """Return a task in the state of one that nothing holds but what it carries: those it comes after, then its time."""
    if task.after:
        return replace(task, state=Blocked(behind(task.after)))
    if task.not_before is not None and task.not_before > now:
        return replace(task, state=Waiting(task.not_before, f"not before {format_time(task.not_before)}"))
    return replace(task, state=Ready(), not_before=None)


def behind(after: tuple[str, ...]) -> str:
    """Return the reason of a task that waits for others."""
    return f"waits for {', '.join(after[:_NAMED])}" + (
        f" and {len(after) - _NAMED} more" if len(after) > _NAMED else ""
    )


def _deferred(task: Task, until: datetime, now: datetime) -> Task:
    task = replace(task, not_before=until, deadline=deadline_of(task.lane, task.created, until))
    if isinstance(task.state, Failed):
        task = replace(task, attempts=0, crashes=0, after=())
    return set_free(task, now)


def _put_after(task: Task, now: datetime) -> Task:
    match task.state:
        case Waiting():
            return task  # what it waits for now comes first
        case Parked(kind) if kind != FOLLOWING:
            return task  # a person is needed all the same
        case _:
            return set_free(task, now)


def _after_failure(task: Task, fact: AttemptFailed, now: datetime) -> Task:
    attempts = task.attempts + 1
    if attempts > fact.retries:
        return replace(task, attempts=attempts, state=Failed(fact.reason))
    delay = timedelta(seconds=2 ** min(attempts - 1, 16) * (1 + fact.jitter))
    return replace(
        task, attempts=attempts, state=Waiting(now + delay, f"attempt {attempts} failed: {fact.reason}")
    )


def _after_crash(task: Task) -> Task:
    crashes = task.crashes + 1
    if crashes >= CRASH_LIMIT:
        return replace(task, crashes=crashes, state=Failed(f"its worker died {crashes} times while it ran"))
    return replace(task, crashes=crashes, state=Ready())


def _way_on(task: Task) -> str:
    """Return what a person can do with a task that something else cannot be done to."""
    match task.state:
        case Parked(kind) if kind == PAUSED:
            return f"it is paused: sixthbot queue resume {task.id} lets it go on"
        case Parked():
            return f"it waits for you: sixthbot queue show {task.id} says for what; queue retry or cancel ends that"
        case Failed():
            return f"sixthbot queue retry {task.id} tries it again"
        case Running():
            return f"a worker has it in hand; sixthbot queue pause {task.id} takes it back"
        case _:
            return ""


def _verb(fact: Fact) -> str:
    words: Mapping[type[Fact], str] = {
        Claimed: "claimed", Retried: "retried", Cancelled: "cancelled", Answered: "answered", Paused: "paused",
        Deferred: "put off", PutAfter: "put after another", Released: "released",
    }  # fmt: skip
    return words.get(type(fact), type(fact).__name__)


def diagram() -> str:
    """Return the table as a Mermaid state diagram, the source of the picture in docs/architecture.md."""
    lines = ["stateDiagram-v2", "    [*] --> ready"]
    for state, facts in TRANSITIONS.items():
        for fact, targets in facts.items():
            lines += [
                f"    {_state_name(state)} --> {_state_name(target)}: {fact.__name__}" for target in targets
            ]
    lines.append("    done --> [*]")
    return "\n".join(lines) + "\n"


def _state_name(state: type[State]) -> str:
    return state.__name__.lower()
