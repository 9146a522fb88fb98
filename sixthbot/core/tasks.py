"""Tasks: units of queued work, one class per state so that an impossible combination cannot be written."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    """It is over: it succeeded, or a person cancelled it."""

    result: Literal["succeeded", "cancelled"]
    name: Literal["done"] = field(default="done", init=False)


State: TypeAlias = Ready | Waiting | Running | Parked | Failed | Done
STATE_NAMES = ("ready", "waiting", "running", "parked", "failed", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a rule wants done about an event, or about several that settled into one (`events`, oldest first).

    It names the rule and never what to run: the steps are looked up in the trusted rule at each attempt.
    `attempts` counts tries that failed, `crashes` workers that died over it. `issue` is the issue it works on.
    `key` is what the rule's mode, settle and cooldown count by. Intensity and budgets are for models and agents.
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
    state: State = field(default_factory=Ready)

    @property
    def event(self) -> Event:
        """The first event, which named the task."""
        return self.events[0]

    @property
    def generation(self) -> int:
        """How often tasks caused tasks on the way to this one: 0 when a person began it."""
        return max(event.generation for event in self.events)


def task_id(rule: str, event: Event) -> str:
    """Return the id of the task that `rule` makes of `event`: the same for the same pair, always."""
    return "t" + short_hash(rule, event.kind, event.key, digits=12)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished step leaves: outputs for later steps (JSON values) and events it caused."""

    outputs: Mapping[str, Any] = field(default_factory=dict)
    follow_ups: tuple[Event, ...] = ()
