"""The form of a rule file's tables as people write them: which keys there are, what each means, and their checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from sixthbot.core.errors import ConfigError
from sixthbot.core.limits import GENERATIONS, Limit, parse_limit
from sixthbot.core.rules import Mode
from sixthbot.core.tasks import AfterFailed, Lane
from sixthbot.core.times import parse_duration


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str | int | float) else value


def _span(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("not a duration; write it like 2s, 15m, 2h or 1d")  # noqa: TRY004 - pydantic wants this one
    try:
        return parse_duration(value)
    except ConfigError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None


def _limit(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("not a limit; write it like 20/h, 5/m or 100/d")  # noqa: TRY004 - pydantic wants this one
    try:
        return parse_limit(value)
    except ConfigError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None


def _pattern(value: object) -> object:
    """Write a value as matching compares it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _step(value: object) -> object:
    return {"use": value} if isinstance(value, str) else value


Patterns = Annotated[
    list[Annotated[str, BeforeValidator(_pattern), StringConstraints(max_length=500)]],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=100),
]
Span = Annotated[timedelta, BeforeValidator(_span)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*$", max_length=200)]


class _StepTable(BaseModel):
    """One entry of `do`; what else stands in it than this are the action's arguments."""

    model_config = ConfigDict(extra="allow")

    use: Annotated[str, Field(min_length=1)]
    timeout: Span | None = None


class RuleTable(BaseModel):
    """One `[[rule]]` table as it is written."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, Field(min_length=1)] = Field(
        description="what it is called, on one line; a rule of the repository replaces a shipped one of its name"
    )
    on: Annotated[list[str], BeforeValidator(_as_list), Field(min_length=1, max_length=20)] = Field(
        description="the event, or a list of events, it listens to"
    )
    do: Annotated[list[Annotated[_StepTable, BeforeValidator(_step)]], Field(min_length=1, max_length=50)] = (
        Field(
            description="the steps, in order: an action's name, or a table with `use`, its arguments and perhaps a `timeout`"
        )
    )
    when: dict[str, Patterns] = Field(
        default_factory=dict, description="fields with the patterns they must match; see below"
    )
    condition: str = Field("", alias="if", description="a condition over the event's fields; see below")
    lane: Lane = Field(
        Lane.NORMAL,
        description="how long its tasks may wait, and their share of the workers: critical, high, normal, low",
    )
    key: Line = Field(
        "", description="what mode, settle and cooldown count by; `{field}` stands for the event's field"
    )
    mode: Mode = Field(
        Mode.QUEUED,
        description="while a task of the same key is there: queued, single (ignore the event), restart (cancel the task), parallel",
    )
    settle: Span = Field(
        timedelta(0),
        description="events within this time become one task that carries them all; a `run` waits at most 2 s for more",
    )
    cooldown: Span = Field(timedelta(0), description="so long after a task no further one for the same key")
    timeout: Span | None = Field(None, description="how long one attempt may take; none if not given")
    retries: Annotated[int, Field(ge=0, le=100)] = Field(
        3, description="further attempts after the first, after 1 s, 2 s, 4 s ... with jitter"
    )
    limit: Annotated[Limit | None, BeforeValidator(_limit)] = Field(
        None,
        description="at most so many tasks, like `20/h`, `5/m` or `100/d`; `status` says when it stopped the rule",
    )
    generations: Annotated[int, Field(ge=0, le=100)] = Field(
        GENERATIONS,
        description="how many times over it may follow what tasks caused; 0 for what people do alone",
    )
    delay: Span = Field(timedelta(0), description="so long after the event before its task may begin")
    after: Annotated[list[Line], BeforeValidator(_as_list)] = Field(
        default_factory=list, description="rules whose tasks for the same event must be over first"
    )
    after_failed: AfterFailed = Field(
        AfterFailed.PARK, description="what becomes of its task where one of those failed"
    )
    concurrency: Annotated[int, Field(ge=0, le=1000)] = Field(
        0, description="so many of its tasks with the same key at a time; 0 for what `mode` says"
    )
    parallel_safe: bool = Field(default=True, description="false lets nothing else run beside its tasks")
    react_to_self: bool = Field(
        default=False, description='whether it sees events that the bot caused (`origin = "sixthbot"`)'
    )
    schedule: Line = Field(
        "",
        description='for `on = "schedule"`: a cron expression, or @hourly, @daily, @weekly, @monthly, @yearly',
    )
    timezone: Line = Field(
        "", description="the zone of the schedule, like Europe/Berlin; that of the machine if empty"
    )
    catch_up: Literal["once", "all", "skip"] = Field(
        "once", description="what was missed while the bot was off: once, all, skip"
    )
    catch_up_max: Annotated[int, Field(ge=1, le=1000)] = Field(
        24, description='so many at most with `catch_up = "all"`: the last ones'
    )
    overlap: Literal["skip", "queue", "allow"] = Field(
        "skip", description="while the last one is not over: skip, queue, allow"
    )
    jitter: Span = Field(
        timedelta(0), description="begins up to so much later, always by the same for one rule and clone"
    )
    enabled: bool = Field(default=True, description="false switches it off")
    description: str = Field("", description="what it is for, for people")


class CaseTable(BaseModel):
    """One `[[test]]` table as it is written."""

    model_config = ConfigDict(extra="forbid")

    given: dict[str, Any]
    expect: list[str]


RULE_KEYS = frozenset(field.alias or name for name, field in RuleTable.model_fields.items())
