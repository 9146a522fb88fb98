"""How often a rule may act: its tasks within a span of time, and how many times over it may answer to its own doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError
from sixthbot.core.times import format_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

GENERATIONS = 3
"""How far a rule follows what tasks caused, unless it says otherwise: what people do is of generation 0."""

MOST = 100_000
_SPANS: Mapping[str, timedelta] = MappingProxyType(
    {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
)
_WORDS: Mapping[str, str] = MappingProxyType({"m": "a minute", "h": "an hour", "d": "a day"})


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` tasks within `span`, which `text` says as the rule wrote it."""

    count: int
    span: timedelta
    text: str


def parse_limit(text: str) -> Limit:
    """Read `20/h` (also /m and /d); raise ConfigError for anything else."""
    count, _, unit = text.replace(" ", "").partition("/")
    if unit not in _SPANS or not (count.isascii() and count.isdigit() and len(count) <= len(str(MOST))):
        raise ConfigError(f"not a limit: {text[:40]!r}", hint="write it like 20/h, 5/m or 100/d")
    if not 0 < int(count) <= MOST:
        raise ConfigError(f"a limit is from 1 to {MOST}, not {int(count)}", hint="write it like 20/h")
    return Limit(int(count), _SPANS[unit], f"{int(count)}/{unit}")


def within(times: Sequence[datetime], limit: Limit, now: datetime) -> list[datetime]:
    """Return the times that still count at `now`, oldest first; one that a wrong clock left in the future does not."""
    return sorted(time for time in times if now - limit.span < time <= now)


def refusal(times: Sequence[datetime], limit: Limit, now: datetime) -> str:
    """Return why one task more would be too many, or nothing. `times` are those of the tasks before."""
    counted = within(times, limit, now)
    if len(counted) < limit.count:
        return ""
    unit = _WORDS[limit.text[-1]]
    free = counted[-limit.count] + limit.span
    return f"stopped: its limit of {limit.count} {unit} is reached, until {format_time(free)}"


def generation_refusal(generation: int, most: int) -> str:
    """Return why an event that tasks caused is too far from what a person did, or nothing."""
    if generation <= most:
        return ""
    return (
        f"stopped: tasks caused tasks {generation} times over to come to this event, "
        f"and the rule follows at most {most} (generations)"
    )
