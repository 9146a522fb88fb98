"""Tasks: units of queued work, one class per state so that an impossible combination cannot be written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sixthbot.core.names import short_hash

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sixthbot.core.events import Event


class Lane(StrEnum):
    """How long a task may wait, from most to least urgent; the order of the members is the order of urgency."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def wait(self) -> timedelta:
        """How long a task of this lane may wait; its deadline is its creation plus this."""
        return LANE_WAITS[self]


LANE_WAITS: Mapping[Lane, timedelta] = MappingProxyType(
    {
        Lane.CRITICAL: timedelta(0),
        Lane.HIGH: timedelta(minutes=5),
        Lane.NORMAL: timedelta(minutes=30),
        Lane.LOW: timedelta(hours=2),
    }
)


@dataclass(frozen=True, slots=True)
class Ready:
    """It can be claimed."""

    name: Literal["ready"] = field(default="ready", init=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """It will be ready by itself at `until`: a retry, a not-before time or a later look."""

    until: datetime
    reason: str
    name: Literal["waiting"] = field(default="waiting", init=False)


@dataclass(frozen=True, slots=True)
class Blocked:
    """It will be ready by itself once the tasks that it comes after (`Task.after`) are over; it lies in `waiting/`."""

    reason: str
    name: Literal["waiting"] = field(default="waiting", init=False)


@dataclass(frozen=True, slots=True)
class Running:
    """A worker holds it."""

    worker: str
    name: Literal["running"] = field(default="running", init=False)


@dataclass(frozen=True, slots=True)
class Parked:
    """It needs a person; `kind` as in `NeedsPerson`."""

    kind: str
    reason: str
    hint: str = ""
    name: Literal["parked"] = field(default="parked", init=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """It was given up; `retry` brings it back."""

    reason: str
    name: Literal["failed"] = field(default="failed", init=False)


@dataclass(frozen=True, slots=True)
class Done:
    """It is over: it succeeded, or it was cancelled, by a person or for the `reason`."""

    result: Literal["succeeded", "cancelled"]
    reason: str = ""
    name: Literal["done"] = field(default="done", init=False)


State: TypeAlias = Ready | Waiting | Blocked | Running | Parked | Failed | Done
STATE_NAMES = ("ready", "waiting", "running", "parked", "failed", "done")

PAUSED = "paused"
"""The kind of a parked task that a person paused."""

FOLLOWING = "after"
"""The kind of a parked task whose predecessor failed, was cancelled or is not there."""


class AfterFailed(StrEnum):
    """What becomes of a task when one that it comes after fails or is cancelled."""

    PARK = "park"
    SKIP = "skip"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a rule wants done about an event, or about several that settled into one (`events`, oldest first).

    It names the rule and never what to run: the steps are looked up in the trusted rule at each attempt.
    `attempts` counts tries that failed, `crashes` workers that died over it. `issue` is the issue it works on.
    `key` is what the rule's mode, settle and cooldown count by. Intensity and budgets are for models and agents.
    `not_before` is when it may start at the earliest. `after` are the ids of the tasks that it waits for, empty once
    they are over; `after_failed` says what follows when one of them fails.
    """

    id: str
    rule: str
    rule_hash: str
    events: tuple[Event, ...]
    lane: Lane
    created: datetime
    deadline: datetime
    attempts: int = 0
    crashes: int = 0
    key: str = ""
    issue: str = ""
    intensity: str = ""
    min_budget: str = ""
    max_budget: str = ""
    not_before: datetime | None = None
    after: tuple[str, ...] = ()
    after_failed: AfterFailed = AfterFailed.PARK
    state: State = field(default_factory=Ready)

    @property
    def event(self) -> Event:
        """The first event, which named the task."""
        return self.events[0]

    @property
    def generation(self) -> int:
        """How often tasks caused tasks on the way to this one: 0 when a person began it."""
        return max(event.generation for event in self.events)

    def in_lane(self, lane: Lane) -> Task:
        """Return the task in another lane, with the deadline that it has there."""
        return replace(self, lane=lane, deadline=deadline_of(lane, self.created, self.not_before))


def deadline_of(lane: Lane, created: datetime, not_before: datetime | None) -> datetime:
    """Return the deadline of a task: its lane's wait, counted from when it was made or from when it may start.

    A task that was put off for a day would otherwise come before every task made meanwhile, whatever its lane.
    """
    return max(created, not_before or created) + lane.wait


def task_id(rule: str, event: Event) -> str:
    """Return the id of the task that `rule` makes of `event`: the same for the same pair, always."""
    return "t" + short_hash(rule, event.kind, event.key, digits=12)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished step leaves: outputs for later steps (JSON values) and events it caused."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    follow_ups: tuple[Event, ...] = ()
