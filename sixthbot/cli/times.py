"""Times as people say them: `3 min ago`, `in 20 s`."""

from __future__ import annotations

from sixthbot.core.errors import ConfigError
from sixthbot.core.times import parse_time

TYPE_CHECKING = False  # `status` cannot afford to load typing for this one name
if TYPE_CHECKING:
    from datetime import datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def ago(moment: datetime | str, now: datetime) -> str:
    """Return how long before `now` a time was, or after it; an unreadable text comes back as it is."""
    if isinstance(moment, str):
        try:
            return ago(parse_time(moment), now)
        except ConfigError:
            return moment
    seconds = (now - moment).total_seconds()
    span = _span(abs(seconds))
    if span is None:
        return "just now" if seconds >= 0 else "now"
    return f"{span} ago" if seconds > 0 else f"in {span}"


def on_the_clock(reason: str, now: datetime) -> str:
    """Return a task's reason; `not before TIME` with its time as the person's clock shows it."""
    if not reason.startswith("not before "):
        return reason
    from sixthbot.cli.records import local_clock  # noqa: PLC0415 - only where something was put off

    words, _, time = reason.rpartition(" ")
    return f"{words} {local_clock(time, now)}"


def _span(seconds: float) -> str | None:
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return None
