"""Rules as values: `on` + `when` + `if` -> `do`; and the Verdict that says why a rule fired or did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.limits import GENERATIONS
from sixthbot.core.tasks import AfterFailed, Lane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sixthbot.core.limits import Limit


class Mode(StrEnum):
    """What happens when a rule fires while a task of the same rule and key is there already."""

    SINGLE = "single"
    RESTART = "restart"
    QUEUED = "queued"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One action call of a rule: the action's name, its arguments as the rule file gave them, and its time, None for any."""

    use: str
    args: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """One `[[test]]` table: an event's kind (`on`) and fields, and the rules expected to fire.

    `origin` is that of the rules it stands beside, which it judges; empty for all rules.
    """

    given: Mapping[str, Any] = field(hash=False)
    expect: tuple[str, ...]
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, checked. `when` maps a field name (perhaps with `not_` before it) to patterns, any of which may hold.

    `condition` is the text of `if`, empty for none. `key` is a template over event fields. Spans of zero mean none;
    `timeout` None means no limit. `concurrency` is how many tasks of one key may run at a time, 0 for what the mode
    says; nothing runs beside a task that is not `parallel_safe`. `after` names rules whose task for the same event
    comes first. `origin` says where it comes from ("shipped" or a path below the repository) and
    `digest` is the SHA-256 of the file's bytes; `line` is where it begins there and `do_line` where its steps do, 0
    where nobody knows; `older` are the commits with a part in its file that were there when it was trusted, which do
    not run by it. `react_to_self` lets it see events that the bot caused, `generations` times over; `limit` bounds its
    tasks within a span.
    """

    name: str
    on: tuple[str, ...]
    do: tuple[StepSpec, ...]
    origin: str
    digest: str
    when: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    condition: str = ""
    lane: Lane = Lane.NORMAL
    key: str = ""
    mode: Mode = Mode.QUEUED
    settle: timedelta = timedelta(0)
    cooldown: timedelta = timedelta(0)
    timeout: timedelta | None = None
    retries: int = 3
    limit: Limit | None = None
    generations: int = GENERATIONS
    delay: timedelta = timedelta(0)
    after: tuple[str, ...] = ()
    after_failed: AfterFailed = AfterFailed.PARK
    concurrency: int = 0
    parallel_safe: bool = True
    react_to_self: bool = False
    schedule: str = ""
    timezone: str = ""
    catch_up: str = "once"
    catch_up_max: int = 24
    overlap: str = "skip"
    jitter: timedelta = timedelta(0)
    enabled: bool = True
    description: str = ""
    line: int = field(default=0, compare=False)
    do_line: int = field(default=0, compare=False)
    older: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Term:
    """One tested part of a rule: its text, whether it held, and the value that decided it."""

    text: str
    held: bool
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a rule fired for an event, with a one-line reason and each term that was looked at, in order.

    `key` is the rule's key filled in for this event, empty where it did not fire. `stopped` tells that the rule would
    have fired but for its limits, which a person should hear of.
    """

    rule: str
    fired: bool
    reason: str
    terms: tuple[Term, ...] = ()
    key: str = ""
    stopped: bool = False


SWITCHED_OFF = "switched off by rules.disabled"
"""Why a rule is disabled that the settings name: nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class DisabledRule:
    """A rule that cannot be used: its name or file, and why."""

    name: str
    reason: str
