"""Events: what happened, with a natural key that makes the same happening the same event when seen twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line, short_hash
from sixthbot.core.times import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

OWN_ORIGIN = "sixthbot"
"""The `origin` field of events that the bot caused itself."""


class EventKind(StrEnum):
    """The kinds of event that rules may name in `on`; hooks have kinds of their own, `hook.<name>`."""

    ISSUE_ADDED = "issue.added"
    COMMIT = "commit"
    MERGE = "merge"
    BRANCH_CREATED = "branch.created"
    BRANCH_DELETED = "branch.deleted"
    BRANCH_REWRITTEN = "branch.rewritten"
    TAG_CREATED = "tag.created"
    FILE_CHANGED = "file.changed"
    SCHEDULE = "schedule"
    DRAFT_READY = "draft.ready"
    DRAFT_APPROVED = "draft.approved"
    DRAFT_REJECTED = "draft.rejected"
    DRAFT_PUSHED = "draft.pushed"
    TASK_SUCCEEDED = "task.succeeded"
    TASK_FAILED = "task.failed"
    START = "start"


_COMMIT_FIELDS = (
    "branch", "id", "author", "email", "subject", "type", "scope", "paths", "files", "added", "deleted", "merge",
)  # fmt: skip
_DRAFT_FIELDS = ("branch", "issue", "title")
_TASK_FIELDS = ("task", "rule", "lane", "error")

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        EventKind.ISSUE_ADDED: ("id", "title", "labels", "priority", "base", "source"),
        EventKind.COMMIT: _COMMIT_FIELDS,
        EventKind.MERGE: ("branch", "merged", "id", "paths"),
        EventKind.BRANCH_CREATED: ("branch", "id", "author"),
        EventKind.BRANCH_DELETED: ("branch", "id", "author"),
        EventKind.BRANCH_REWRITTEN: ("branch", "old", "id"),
        EventKind.TAG_CREATED: ("tag", "id", "author"),
        EventKind.FILE_CHANGED: ("paths", "files"),
        EventKind.SCHEDULE: ("due", "missed", "rule"),
        EventKind.DRAFT_READY: _DRAFT_FIELDS,
        EventKind.DRAFT_APPROVED: _DRAFT_FIELDS,
        EventKind.DRAFT_REJECTED: _DRAFT_FIELDS,
        EventKind.DRAFT_PUSHED: _DRAFT_FIELDS,
        EventKind.TASK_SUCCEEDED: _TASK_FIELDS,
        EventKind.TASK_FAILED: _TASK_FIELDS,
        EventKind.START: ("args",),
    }
)
"""Fields of each kind for `when`, `if` and templates; every event also has `origin` ("sixthbot" or "")."""

HOOK_PREFIX = "hook."
_HOOK = re.compile(r"hook\.[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FARTHEST = 1_000_000
_NAMED = 3  # so many of the paths that changed are named

# What makes two sightings the same event; the natural key is built of these fields in this order.
_KEY_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        EventKind.ISSUE_ADDED: ("id",),
        EventKind.COMMIT: ("branch", "id"),
        EventKind.MERGE: ("branch", "id"),
        EventKind.BRANCH_CREATED: ("branch", "id"),
        EventKind.BRANCH_DELETED: ("branch", "id"),
        EventKind.BRANCH_REWRITTEN: ("branch", "old", "id"),
        EventKind.TAG_CREATED: ("tag", "id"),
    }
)


_WITH_ORIGIN: Mapping[str, tuple[str, ...]] = {kind: (*names, "origin") for kind, names in FIELDS.items()}
_HOOK_FIELDS = ("args", "origin")
_PLAIN = (str, int, float, bool)


def fields_of(kind: str) -> tuple[str, ...] | None:
    """Return the field names of an event kind, `origin` included, or None for a kind that does not exist."""
    return _WITH_ORIGIN.get(kind) or (_HOOK_FIELDS if _HOOK.fullmatch(kind) else None)


@dataclass(frozen=True, slots=True)
class Event:
    """One happening. `fields` holds strings, numbers, booleans and tuples of strings; `time` is when it was seen.

    `generation` counts how often tasks caused tasks on the way to it: 0 for what a person did.
    """

    kind: str
    key: str
    time: datetime = field(compare=False)
    fields: Mapping[str, Any] = field(compare=False, hash=False)
    generation: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        """Twelve hex digits that name this event; the same kind and key always give the same id."""
        return short_hash(self.kind, self.key, digits=12)

    @property
    def own(self) -> bool:
        """Whether the bot itself caused it."""
        return self.fields.get("origin") == OWN_ORIGIN


def make_event(
    kind: str, fields: Mapping[str, Any], *, time: datetime, key: str | None = None, generation: int = 0
) -> Event:
    """Build an event and its natural key.

    `key` is needed for the kinds whose key is not made of fields (schedule, file, draft, task, hook, start);
    ValueError without it. Missing fields are filled with empty strings; unknown ones raise ConfigError.
    """
    known = fields_of(kind)
    if known is None:
        raise ConfigError(f"no such event: {clean_line(kind, limit=60)!r}")
    if extra := sorted(fields.keys() - known):
        raise ConfigError(f"event {kind} has no field {extra[0]!r}", hint=f"it has {', '.join(known)}")
    whole = {name: fields.get(name, "") for name in known}
    if key is None:
        if kind not in _KEY_FIELDS:
            raise ValueError(f"an event {kind} needs its key")
        key = " ".join(str(whole[name]) for name in _KEY_FIELDS[kind])
    return Event(kind=kind, key=key, time=time, fields=MappingProxyType(whole), generation=generation)


def about_of(event: Event) -> str:
    """Return in one line what an event is about: its key, or the first paths where the key is only a digest."""
    if event.kind != EventKind.FILE_CHANGED:
        return clean_line(event.key)
    paths, count = event.fields["paths"], event.fields["files"]
    some = paths[:_NAMED] if isinstance(paths, tuple) else ()
    named = ", ".join(clean_line(path, limit=100) for path in some)
    more = count - len(some) if isinstance(count, int) else 0
    return f"{named} and {more} more" if named and more > 0 else named or clean_line(event.key)


def caused_by(event: Event, generation: int) -> Event:
    """Return an event that a task caused whose own events are of `generation`: one further on."""
    return replace(event, generation=generation + 1)


def event_to_json(event: Event) -> dict[str, Any]:
    """Return the event as JSON values."""
    fields = {
        name: list(value) if isinstance(value, tuple) else value for name, value in event.fields.items()
    }
    data = {"kind": event.kind, "key": event.key, "time": format_time(event.time), "fields": fields}
    return data | ({"generation": event.generation} if event.generation else {})


def event_from_json(data: Mapping[str, Any]) -> Event:
    """Read back what `event_to_json` wrote; raise ConfigError when it is not that."""
    kind, key, time, fields = (data.get(name) for name in ("kind", "key", "time", "fields"))
    if not (
        isinstance(kind, str) and isinstance(key, str) and isinstance(time, str) and isinstance(fields, dict)
    ):
        raise ConfigError("not an event: kind, key, time and fields are needed")
    clean: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, list):
            clean[name] = tuple(str(item) for item in value)
        elif isinstance(value, _PLAIN):
            clean[name] = value
        else:
            raise ConfigError(
                f"not an event: field {clean_line(str(name), limit=60)!r} is neither text nor number"
            )
    generation = data.get("generation", 0)
    if not isinstance(generation, int) or isinstance(generation, bool) or not 0 <= generation <= _FARTHEST:
        raise ConfigError("not an event: its generation is not a count")
    return make_event(kind, clean, time=parse_time(time), key=key, generation=generation)
