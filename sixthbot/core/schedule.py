"""When a schedule is due, and what to do about times that were passed over; decides from given times, never asks a clock.

What an expression means, also where clocks are put forward or back, is cronsim's word, which is that of Debian's cron: a
job at a fixed time runs once where its hour comes twice, and at the first moment after a gap where it does not come.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

ON_TIME = timedelta(seconds=60)
"""What is seen so soon after it was due was not missed."""

CORRECTION = timedelta(hours=3)
"""A clock that goes back by more than this was wrong before; one that goes back by less does nothing twice."""

COUNTED = 50_000
"""So many missed times are counted, and no more: a month of a job that runs every minute."""

_FIELDS = 5
_EXAMPLE = "write minute, hour, day of the month, month, day of the week: `0 3 * * MON`; or `@daily`"
_NICKNAMES: Mapping[str, str] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class CatchUp(StrEnum):
    """What becomes of times that passed while nobody looked: one run, each of the latest, or none."""

    ONCE = "once"
    ALL = "all"
    SKIP = "skip"


class Overlap(StrEnum):
    """What happens while a task of the last time is not over: this time is passed over, waits its turn, or runs beside."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One rule's times. `expression` has five fields and was checked by `parse_expression`.

    `delay` is how much later than written its tasks begin, always the same. `most` bounds what `CatchUp.ALL` repeats.
    """

    expression: str
    zone: tzinfo
    delay: timedelta = timedelta(0)
    catch_up: CatchUp = CatchUp.ONCE
    most: int = 24
    overlap: Overlap = Overlap.SKIP

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times it is due after `moment`, in UTC, the earliest first, for as long as there are any."""
        for due in CronSim(self.expression, moment.astimezone(self.zone)):
            # where an hour comes twice cronsim goes by the first, which may lie before the moment
            if (utc := due.astimezone(UTC)) > moment:
                yield utc

    def begins_after(self, moment: datetime) -> datetime | None:
        """Return when it begins next after `moment`, its delay included; None for never."""
        due = next(self.after(moment - self.delay), None)
        return None if due is None else due + self.delay

    def _before(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times it was due up to `moment`, the latest first."""
        start = (moment + timedelta(seconds=1)).astimezone(self.zone)
        for due in CronSim(self.expression, start, reverse=True):
            if (utc := due.astimezone(UTC)) <= moment:
                yield utc


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a schedule was followed: all times up to `through` are dealt with; `missed` of them led to nothing yet."""

    through: datetime
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """A time that a task is to be made for, and how many were passed over before it since the last one."""

    due: datetime
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What follows from one look: events to make, how far it came, and why times led to nothing, if any did.

    `passed` are the times that led to nothing at this look; `corrected` says that the clock went back by so much that
    it must have been wrong before.
    """

    events: tuple[Due, ...]
    progress: Progress
    passed: int = 0
    reason: str = ""
    corrected: bool = False


def parse_expression(text: str) -> str:
    """Return a cron expression in five fields; raise ConfigError for one that is none or can never come."""
    shown = repr(clean_line(text, limit=80))
    word = text.strip().lower()
    if word.startswith("@"):
        if word == "@reboot":
            raise ConfigError(f'{shown} is not a time; a rule for the start says `on = "start"`')
        if word not in _NICKNAMES:
            raise ConfigError(f"{shown} is none of {', '.join(_NICKNAMES)}", hint=_EXAMPLE)
        return _NICKNAMES[word]
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ConfigError(f"{shown} has {len(fields)} fields, not five", hint=_EXAMPLE)
    try:
        first = next(CronSim(" ".join(fields), _ANY_TIME), None)
    except CronSimError as error:
        if _reads(*fields[:3], "*", fields[4]) and _reads(*fields[:2], "*", *fields[3:]):
            raise ConfigError(f"{shown} never comes: its months have no such day") from None
        reason = str(error).lower().removeprefix("bad ")
        raise ConfigError(f"{shown} has a bad {reason}", hint=_EXAMPLE) from None
    if first is None:
        raise ConfigError(f"{shown} never comes: not once in 50 years")
    return " ".join(fields)


def _reads(*fields: str) -> bool:
    try:
        CronSim(" ".join(fields), _ANY_TIME)
    except CronSimError:
        return False
    return True


def decide(schedule: Schedule, progress: Progress, now: datetime, *, unfinished: int) -> Turn:
    """Return what a look at `now` leads to, where `unfinished` tasks of the schedule's rule are not over yet.

    Looking again, with the progress of the turn, leads to nothing more; the same look again leads to the same.
    """
    moment = now - schedule.delay
    if moment < progress.through - CORRECTION:
        return Turn(events=(), progress=replace(progress, through=moment), corrected=True)
    count, latest = _passed(schedule, progress.through, moment)
    if not count:
        return Turn(events=(), progress=progress)
    wanted, reason = _wanted(schedule, latest, moment, unfinished)
    through = latest[-1]
    if not wanted:
        missed = progress.missed + count
        return Turn(events=(), progress=Progress(through, missed), passed=count, reason=reason)
    before = progress.missed + count - len(wanted)
    events = (Due(wanted[0], before), *(Due(due, 0) for due in wanted[1:]))
    return Turn(events=events, progress=Progress(through), passed=count - len(wanted), reason=reason)


def _passed(schedule: Schedule, start: datetime, end: datetime) -> tuple[int, list[datetime]]:
    """Return how many times there were after `start` and up to `end`, and the latest of them, oldest first."""
    count, latest = 0, deque[datetime](maxlen=max(schedule.most, 1))
    for due in schedule.after(start):
        if due > end:
            return count, list(latest)
        latest.append(due)
        count += 1
        if count >= COUNTED:  # off for years: the latest are found from the other end
            return count, list(islice(schedule._before(end), latest.maxlen))[::-1]  # noqa: SLF001 - the module's own
    return count, list(latest)


def _wanted(
    schedule: Schedule, latest: list[datetime], moment: datetime, unfinished: int
) -> tuple[list[datetime], str]:
    """Return the times that a task is made for, and why the others lead to nothing."""
    if schedule.overlap is Overlap.SKIP and unfinished:
        return [], "its last task is not over (overlap = skip)"
    if schedule.overlap is Overlap.QUEUE and unfinished > 1:
        return [], "a task of it waits for its turn already (overlap = queue)"
    if schedule.catch_up is CatchUp.ALL:
        return latest, f"only the last {schedule.most} are caught up with"
    if schedule.catch_up is CatchUp.SKIP and moment - latest[-1] > ON_TIME:
        return [], "nobody looked at the time (catch_up = skip)"
    return latest[-1:], f"nobody looked at the time (catch_up = {schedule.catch_up})"
