"""How much the bot may do before people have caught up: what is beyond waits, says so, and goes on by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sixthbot.core.errors import TryLater
from sixthbot.core.issues import IssueStatus
from sixthbot.core.text import counted
from sixthbot.core.times import parse_time
from sixthbot.git.refs import all_refs

if TYPE_CHECKING:
    from sixthbot.actions.base import Context
    from sixthbot.core.issues import IssueRecord

_DEALT_WITH = frozenset({IssueStatus.PUSHED, IssueStatus.REJECTED, IssueStatus.CANCELLED, IssueStatus.ENDED})
"""A person has looked at these; what becomes of them is no longer the bot's to wait for."""
_LOOK_AGAIN = 300.0
"""Seconds; a push, a rejection or an ending makes those that wait look at once."""
_HOUR = timedelta(hours=1)
SUBTASK_REASON = "subtask "
"""What the reasons of those operations begin with that put a subtask's commit on a branch."""


def require_room(ctx: Context, record: IssueRecord) -> None:
    """Raise TryLater while as many issues as allowed have a branch that no person has dealt with.

    It is asked inside `choosing`, and a branch that is noted is one that is had. Of issues whose noted branches are not
    made yet, or are gone, the oldest come first, so that they do not wait for each other.
    """
    limit = ctx.config.limits.open_branches
    if not limit:
        return
    others = [
        one
        for one in ctx.store.issues.list()
        if one.id != record.id and one.branch and one.status not in _DEALT_WITH
    ]
    if record.branch:
        age = (record.received, record.id)
        there = all_refs(ctx.repo.git)
        others = [
            one for one in others if (one.received, one.id) < age or f"refs/heads/{one.branch}" in there
        ]
    if len(others) < limit:
        return
    raise TryLater(
        f"{counted(len(others), 'branch', 'branches')} of issues wait for people, and limits.open_branches is {limit}",
        seconds=_LOOK_AGAIN,
        hint="push, reject or merge one of them; it then goes on by itself",
    )


def require_pace(ctx: Context) -> None:
    """Raise TryLater while the last hour has as many commits of subtasks as allowed, until the oldest is an hour old."""
    limit = ctx.config.limits.commits_per_hour
    if not limit:
        return
    now = ctx.clock()
    times = sorted(
        made
        for one in reversed(ctx.store.operations.list())
        if one.reason.startswith(SUBTASK_REASON) and (made := parse_time(one.time)) > now - _HOUR
    )
    if len(times) < limit:
        return
    wait = (times[-limit] + _HOUR - now).total_seconds()
    raise TryLater(
        f"{counted(len(times), 'commit')} in the last hour, and limits.commits_per_hour is {limit}",
        seconds=max(wait, 1.0),
        hint="it then goes on by itself",
    )
