"""Times and durations as text: RFC 3339 in UTC everywhere, durations like 2s, 15m, 1h."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sixthbot.core.errors import ConfigError
from sixthbot.core.text import clean_line

# compiled at their first use: `status` reads times and neither of these
_DURATION = r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)"
_SORTABLE = r"[0-9]{8}T[0-9]{9}Z"
_LONGEST = timedelta(days=3660)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def format_time(moment: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC with milliseconds, `2026-11-20T19:30:00.123Z`."""
    return _text_of(moment.astimezone(UTC))


@lru_cache(maxsize=64)  # a task's times are written in its name, its file and the journal
def _text_of(moment: datetime) -> str:
    # only of UTC: the two times that a clock set back shows twice count as equal
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; raise ConfigError when it is none or names no zone."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the second: a zone that leads out of the years 1 to 9999
        pass
    raise ConfigError(
        f"not a time: {clean_line(text, limit=60)!r}", hint="write it like 2026-11-20T19:30:00Z"
    )


def sortable(moment: datetime) -> str:
    """Return a time as digits that sort as times do, for file names: `20261120T193000123Z`."""
    text = format_time(moment)
    return f"{text[0:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}{text[20:]}"


def parse_sortable(text: str) -> datetime:
    """Read back what `sortable` wrote; raise ConfigError when it is not that."""
    try:
        if re.fullmatch(_SORTABLE, text):
            return datetime.strptime(text[:-1] + "000", "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ConfigError(f"not a time in a file name: {clean_line(text, limit=60)!r}")


def parse_moment(text: str, now: datetime) -> datetime:
    """Read when something may start: a time with its zone, a date, `2026-11-20 14:00`, `14:00`, or a span from now.

    What names no zone is of the zone of `now`; a time of day is the next one; what is past means now. Raise ConfigError
    for anything else, and for what is more than ten years away.
    """
    moment = _moment(text.strip(), now)
    if moment is None or moment > now + _LONGEST:
        raise ConfigError(
            f"not a time to wait for: {clean_line(text, limit=60)!r}",
            hint="write it like 2h, 14:00, 2026-11-20, '2026-11-20 14:00' or 2026-11-20T14:00:00Z",
        )
    return max(moment, now).astimezone(UTC)


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        if match := re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::00)?", text):
            today = now.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
            return today if today > now else today + timedelta(days=1)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        pass
    try:
        return now + parse_duration(text)
    except ConfigError:
        return None


def parse_duration(text: str) -> timedelta:
    """Read `500ms`, `2s`, `15m`, `2h`, `1d`, at most ten years; raise ConfigError for anything else."""
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise ConfigError(
            f"not a duration: {clean_line(text, limit=60)!r}", hint="write it like 2s, 15m, 2h or 1d"
        )
    span = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if span > _LONGEST:  # what is added to a time must not lead out of the calendar
        raise ConfigError(f"too long a duration: {text!r}", hint="at most 3660d")
    return span


def format_duration(span: timedelta) -> str:
    """Return a span for people, in its largest fitting unit with at most one decimal: `1.2s`, `15m`, `2h`."""
    seconds = span.total_seconds()
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + unit
    return f"{seconds:.1f}".removesuffix(".0") + "s" if seconds >= 1 else f"{round(seconds * 1000)}ms"
