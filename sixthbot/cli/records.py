"""Journal records for people and programs: one calm line each, or JSON."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sixthbot.cli.output import one_line, paint
from sixthbot.core.errors import ConfigError
from sixthbot.core.times import parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from sixthbot.store.records import Record

LEVELS = ("debug", "info", "warning", "error")
"""From least to most important."""

CHATTER = frozenset(
    {
        "step.started",
        "step.finished",
        "task.claimed",
        "rule.changed",
        "task.given-back",
        "task.resumed",
        "task.due",
    }
)
"""Kinds that matter to somebody who looks closely (`log`, `why`) and not to somebody who lets the bot work."""

_PERSON = "waits for a person"
_COLORS = {"debug": "dim", "warning": "yellow", "error": "red"}


def at_least(record: Record, level: str) -> bool:
    """Tell whether a record is as important as `level`; one of an unknown level is."""
    return record.level not in LEVELS or LEVELS.index(record.level) >= LEVELS.index(level)


def is_chatter(record: Record) -> bool:
    """Tell whether only somebody who looks closely wants a record: of the kinds above, or an event no rule is for."""
    if record.kind != "event":
        return record.kind in CHATTER
    verdicts = (record.data or {}).get("verdicts")
    told = verdicts if isinstance(verdicts, list) else []
    return not any(isinstance(verdict, dict) and verdict.get("fired") is True for verdict in told)


def short_hashes(text: str) -> str:
    """Return text with each full commit id cut to nine digits."""
    return re.sub(r"\b([0-9a-f]{9})(?:[0-9a-f]{31}|[0-9a-f]{55})\b", r"\1", text)


def local_clock(time: str, now: datetime) -> str:
    """Return a record's time on the person's clock, with the date unless it is today's; the text if it is none."""
    try:
        here = parse_time(time).astimezone()
    except ConfigError:
        return one_line(time, 24)
    return f"{here:%H:%M:%S}" if here.date() == now.astimezone().date() else f"{here:%Y-%m-%d %H:%M:%S}"


def line_of(record: Record, now: datetime) -> str:
    """Return a record as one line: when, about what, what happened, and the commit if there is one."""
    subject = record.issue or record.task or ""
    about = paint(one_line(subject, 64), "cyan") + "  " if subject else ""
    return f"{paint(local_clock(record.time, now), 'dim')}  {about}{message_of(record)}"


def message_of(record: Record) -> str:
    """Return what a record says, painted by its level, with the commit it is about."""
    message = one_line(short_hashes(record.message), 300)
    if _PERSON in message.removeprefix(_PERSON):  # the reason of a parked task says it again
        message = message.removeprefix(_PERSON + ": ")
    if record.level in _COLORS:
        message = paint(message, _COLORS[record.level])
    commit = record.commit or ""
    return message + (
        paint(f"  [{commit[:9]}]", "dim") if commit and commit[:7] not in record.message else ""
    )


def record_json(record: Record) -> dict[str, Any]:
    """Return a record for programs: what does not apply is left out."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if value is not None}
