"""Reads the schedule of a rule: its expression, time zone and jitter, with what is wrong with them. Decides nothing."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from sixthbot.core.errors import ConfigError
from sixthbot.core.events import EventKind
from sixthbot.core.names import clean_line
from sixthbot.core.schedule import CatchUp, Overlap, Schedule, parse_expression
from sixthbot.store.suggest import did_you_mean

if TYPE_CHECKING:
    from datetime import tzinfo

    from sixthbot.core.rules import Rule

_SYSTEM_ZONE = Path("/etc/localtime")


def schedule_problems(rule: Rule) -> list[str]:
    """Return what is wrong with a rule's schedule, one line each; empty when nothing is, or when it needs none."""
    if EventKind.SCHEDULE not in rule.on:
        return ['`schedule` counts only with `on = "schedule"`'] if rule.schedule else []
    if not rule.schedule:
        return ['`on = "schedule"` needs `schedule`']
    problems = []
    for key, check in (
        ("schedule", lambda: parse_expression(rule.schedule)),
        ("timezone", lambda: zone_of(rule.timezone)),
    ):
        try:
            check()
        except ConfigError as error:
            hint = f"; {error.hint}" if error.hint else ""
            problems.append(f"{key}: {error.message}{hint}")
    return problems


def schedule_of(rule: Rule, *, repository: str) -> Schedule:
    """Return the schedule of a rule that has no `schedule_problems`.

    `repository` stands for this clone: jitter differs from clone to clone and from rule to rule, and never changes.
    """
    return Schedule(
        expression=parse_expression(rule.schedule),
        zone=zone_of(rule.timezone),
        delay=_share(rule.jitter, f"{repository}\0{rule.name}"),
        catch_up=CatchUp(rule.catch_up),
        most=rule.catch_up_max,
        overlap=Overlap(rule.overlap),
    )


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name, that of this machine for none; raise ConfigError when it is not known."""
    named = name or os.environ.get("TZ", "").removeprefix(":")
    if named in {"UTC", "Etc/UTC"}:
        return UTC
    if not named:
        return _system_zone()
    try:
        return ZoneInfo(named)
    except (OSError, ValueError, KeyError):  # a folder, a name that leads elsewhere, no such zone
        shown = repr(clean_line(named, limit=60))
    if not name:
        raise ConfigError(
            f"the machine's own zone, TZ={shown}, is not known", hint="name one with `timezone`"
        )
    near = did_you_mean(name, available_timezones() | {"UTC"})
    raise ConfigError(f"there is no time zone {shown}", hint=near)


def _system_zone() -> tzinfo:
    try:
        with _SYSTEM_ZONE.open("rb") as file:
            return ZoneInfo.from_file(file, key=_SYSTEM_ZONE.resolve().as_posix().rpartition("zoneinfo/")[2])
    except (OSError, ValueError):  # a small container has none, and then its clock shows UTC
        return UTC


def _share(jitter: timedelta, name: str) -> timedelta:
    """Return a whole number of seconds below `jitter` that always belongs to `name`."""
    seconds = int(jitter.total_seconds())
    if seconds < 1:
        return timedelta(0)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % seconds)
