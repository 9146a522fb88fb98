"""A person gives an issue up, takes one up again, or wants its draft made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.actions.tries import forget_try
from sixthbot.core.errors import Refused, UsageError
from sixthbot.core.issues import IssueStatus
from sixthbot.core.tasks import Ready, Waiting
from sixthbot.engine.admit import hasten
from sixthbot.engine.again import (
    FROM_REBASE,
    forget_lost_work,
    own_tasks,
    require_at_rest,
    set_status,
    take_up,
)
from sixthbot.engine.answers import cancel_task
from sixthbot.engine.closing import put_back, turn_down

if TYPE_CHECKING:
    from sixthbot.core.issues import IssueRecord
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services

_GIVEN_UP = frozenset({IssueStatus.CANCELLED, IssueStatus.REJECTED, IssueStatus.ENDED})
_CLOSED = _GIVEN_UP | {IssueStatus.PUSHED}


def cancel_issue(services: Services, issue_id: str) -> list[Task]:
    """Cancel an issue: its tasks are cancelled, its draft is turned down, its branch stays; return the tasks."""
    record = services.store.issues.record(issue_id)
    turn_down(services, record)
    set_status(services, issue_id, IssueStatus.CANCELLED)
    hasten(services)
    tasks = list(services.store.queue.about({issue_id}))
    done = [after for task in tasks if (after := cancel_task(services, task)) is not None]
    services.store.journal.append("issue.cancelled", "cancelled by a person", issue=issue_id)
    return done


def reopen_issue(services: Services, issue_id: str) -> list[Task]:
    """Work on an issue again, from its first step; return the tasks that go on.

    Every step finds what is done already, in git: what is not on the branch is to be done again. Where the last task
    is over, a new one does the same rule's steps. No approval counts any more. Raise UsageError when the issue is
    being worked on or no task of it is known.
    """
    record = services.store.issues.record(issue_id)
    require_at_rest(services, issue_id)
    busy = [task for task in own_tasks(services, issue_id) if isinstance(task.state, Ready | Waiting)]
    if busy and record.status not in _CLOSED:
        raise UsageError(
            f"issue {issue_id} is not closed: task {busy[0].id} is {busy[0].state.name}",
            hint=f"sixthbot queue show {busy[0].id}",
        )
    put_back(services, record)
    forget_lost_work(services, record)
    set_status(services, issue_id, IssueStatus.OPEN)
    resumed = take_up(services, issue_id)
    services.store.journal.append("issue.reopened", "reopened by a person", issue=issue_id)
    return resumed


def redo_draft(services: Services, issue_id: str) -> list[Task]:
    """Rebase an issue's branch, check it and describe it anew; return the tasks that do so.

    An approval is taken back: what comes of it is another draft. Raise Refused for an issue that is over, UsageError
    for one that has no branch, is being worked on or has subtasks to do.
    """
    record = services.store.issues.record(issue_id)
    require_redoable(services, record)
    forget_try(services.store.cursors, issue_id)
    put_back(services, record)
    set_status(services, issue_id, IssueStatus.OPEN)
    resumed = take_up(services, issue_id, redo=FROM_REBASE)
    services.store.journal.append(
        "draft.redone", f"a person wants the draft of {record.branch} made anew", issue=issue_id
    )
    return resumed


def require_redoable(services: Services, record: IssueRecord) -> None:
    """Raise what `redo_draft` raises where an issue's draft cannot be made anew now."""
    issue_id = record.id
    if record.status in _GIVEN_UP:
        raise Refused(
            f"issue {issue_id} is {record.status.value}",
            hint=f"to work on it again: sixthbot issue reopen {issue_id}",
        )
    unsettled = services.store.issues.plan(issue_id).next_open()
    if not record.branch or unsettled is not None:
        raise UsageError(
            f"issue {issue_id} is not that far yet"
            + (f": subtask {unsettled.n} is {unsettled.status.value}" if unsettled else ""),
            hint=f"sixthbot issue show {issue_id}",
        )
    require_at_rest(services, issue_id)
