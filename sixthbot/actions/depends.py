"""Issues that build on others: such a one waits until those are pushed or have ended, and says what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.actions.branches import read_issue
from sixthbot.core.errors import NeedsPerson, SixthError, TryLater
from sixthbot.core.issues import IssueStatus

if TYPE_CHECKING:
    from sixthbot.actions.base import Context
    from sixthbot.core.issues import Issue, IssueRecord

_LOOK_AGAIN = 300.0
"""Seconds; a push or an ending makes those that wait look at once."""
_OVER = frozenset({IssueStatus.PUSHED, IssueStatus.ENDED})
_GIVEN_UP = frozenset({IssueStatus.CANCELLED, IssueStatus.REJECTED})


def require_finished(ctx: Context, record: IssueRecord, issue: Issue) -> None:
    """Raise unless every issue that this one depends on is pushed or has ended.

    TryLater while one is still under way; NeedsPerson("input") for an id that no issue has, one that was given up,
    and issues that wait for each other.
    """
    again = f"then: sixthbot queue retry {ctx.task.id}"
    unfinished = []
    for wanted in issue.depends:
        found = _find(ctx, wanted)
        if found is None:
            raise NeedsPerson(
                f"it depends on {wanted}, and no issue has that id",
                kind="input",
                hint=f"drop that issue, {again}",
            )
        if found.status in _GIVEN_UP:
            raise NeedsPerson(
                f"it depends on {wanted}, which is {found.status.value}",
                kind="input",
                hint=f"sixthbot issue reopen {wanted}, {again}; or give this one up: sixthbot issue cancel {record.id}",
            )
        if found.status not in _OVER:
            unfinished.append(found)
    circle = _circle(ctx, record, unfinished)
    if circle:
        raise NeedsPerson(
            f"issues wait for each other: {' -> '.join(circle)}",
            kind="input",
            hint=f"give one of them up (sixthbot issue cancel ID) and drop it again without that `depends`, {again}",
        )
    if unfinished:
        names = ", ".join(one.id for one in unfinished)
        raise TryLater(f"it waits for issue {names} to be pushed or ended", seconds=_LOOK_AGAIN)


def _find(ctx: Context, issue_id: str) -> IssueRecord | None:
    try:
        return ctx.store.issues.record(issue_id)
    except SixthError:
        return None


def _circle(ctx: Context, record: IssueRecord, unfinished: list[IssueRecord]) -> list[str]:
    """Return the ids on a way from an issue over those it waits for back to itself; empty when there is none."""
    seen: set[str] = set()
    ways = [[record.id, other.id] for other in unfinished]
    while ways:
        way = ways.pop()
        if way[-1] == record.id:
            return way
        found = None if way[-1] in seen else _find(ctx, way[-1])
        seen.add(way[-1])
        if found is not None and found.status not in _OVER:
            ways += [[*way, wanted] for wanted in _depends(ctx, found)]
    return []


def _depends(ctx: Context, record: IssueRecord) -> tuple[str, ...]:
    try:
        return read_issue(ctx, record).depends
    except SixthError:
        return ()
