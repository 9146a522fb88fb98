"""Rules as values: `on` + `when` + `if` -> `do`; and the Verdict that says why a rule fired or did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.tasks import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mode(StrEnum):
    """What happens when a rule fires while a task of the same rule and key is there already."""

    SINGLE = "single"
    RESTART = "restart"
    QUEUED = "queued"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One action call of a rule: the action's name and its arguments as the rule file gave them."""

    use: str
    args: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)


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
    `timeout` None means no limit. `origin` says where it comes from ("shipped" or a path below the repository) and
    `digest` is the SHA-256 of the file's bytes. `react_to_self` lets it see events that the bot caused.
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
    react_to_self: bool = False
    schedule: str = ""
    timezone: str = ""
    catch_up: str = "once"
    catch_up_max: int = 24
    overlap: str = "skip"
    jitter: timedelta = timedelta(0)
    enabled: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """One tested part of a rule: its text, whether it held, and the value that decided it."""

    text: str
    held: bool
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a rule fired for an event, with a one-line reason and each term that was looked at, in order.

    `key` is the rule's key filled in for this event, empty where it did not fire.
    """

    rule: str
    fired: bool
    reason: str
    terms: tuple[Term, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class DisabledRule:
    """A rule that cannot be used: its name or file, and why."""

    name: str
    reason: str
