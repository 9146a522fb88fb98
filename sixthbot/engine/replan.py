"""A plan that a person changed, or settings that now know what it asks for: what was known of a subtask is looked at anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.asked import NOT_THERE, ByPerson, doer_of
from sixthbot.core.errors import UsageError
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.tasks import Parked
from sixthbot.engine.again import set_status
from sixthbot.engine.answers import resume_parked

if TYPE_CHECKING:
    from sixthbot.core.issues import Plan, Subtask
    from sixthbot.core.tasks import Task
    from sixthbot.engine.services import Services
    from sixthbot.store.config import Config

_UNDER_WAY = frozenset({IssueStatus.OPEN, IssueStatus.WAITING_FOR_PERSON, IssueStatus.IN_REVIEW})


def follow_edit(config: Config, old: Plan, edited: Plan) -> Plan:
    """Return the plan as a person edited it, without what the bot had noted of subtasks that are others now.

    One with another text, request or status loses who does it and why it waits or failed, where the person left those
    as they were; it is open again unless the person gave it a status.
    """
    before = {subtask.n: subtask for subtask in old.subtasks}
    followed = (_followed(config, before.get(subtask.n), subtask) for subtask in edited.subtasks)
    return replace(edited, subtasks=tuple(followed))


def _followed(config: Config, old: Subtask | None, new: Subtask) -> Subtask:
    if old is not None and _given(old) == _given(new):
        return new
    status, by, reason = new.status, new.by, new.reason
    if old is not None:
        by = "" if by == old.by else by
        # a name that was corrected everywhere was corrected in the bot's words, too
        reason = "" if reason == old.reason or reason.startswith(NOT_THERE) else reason
        if status is old.status and not old.settled:
            status = SubtaskStatus.OPEN
    if status is SubtaskStatus.DONE:
        by = by or (old.by if old is not None and old.settled else "person")
    elif not by:
        by = doer_of(config, new.asked).by
    return replace(new, status=status, by=by, reason=reason)


def _given(subtask: Subtask) -> tuple[object, ...]:
    """Return what a person may change of a subtask."""
    return subtask.text, subtask.asked, subtask.unread, subtask.status


def go_on_with_plan(services: Services, issue_id: str) -> list[Task]:
    """Let the issue's parked or given-up task look at the plan again, after a person changed it; return what goes on."""
    if services.store.issues.record(issue_id).status not in _UNDER_WAY:
        return []
    more = {"review"} if services.store.issues.plan(issue_id).next_open() is not None else set()
    resumed = resume_parked(services, issue=issue_id, kinds={"subtask", *more}, redo="work", failed=True)
    if resumed:
        set_status(services, issue_id, IssueStatus.OPEN)
    return resumed


def go_on_with_new_names(services: Services) -> list[Task]:
    """Let tasks go on that wait for a person because nothing had the name a subtask asks for, and now something has."""
    resumed = []
    for task in services.store.queue.all(states=("parked",)):
        if not (isinstance(task.state, Parked) and task.state.kind == "subtask" and task.issue):
            continue
        try:
            known = _known_now(services, task.issue)
        except UsageError:
            continue  # its files are gone or damaged, as `doctor` says; the other issues go on
        if known:
            resumed += resume_parked(services, issue=task.issue, kinds={"subtask"}, redo="work")
            set_status(services, task.issue, IssueStatus.OPEN)
    return resumed


def _known_now(services: Services, issue_id: str) -> bool:
    """Tell whether the subtask that is waited for can be done by now; the plan then says so."""

    def change(now: Plan) -> Plan:
        waiting = now.next_open()
        if waiting is None or waiting.status is not SubtaskStatus.WAITING or waiting.asked is None:
            return now
        doer = doer_of(services.loaded.config, waiting.asked)
        if isinstance(doer, ByPerson):
            return now
        return now.with_subtask(replace(waiting, status=SubtaskStatus.OPEN, by=doer.by, reason=""))

    before = services.store.issues.plan(issue_id)
    return change(before) != before and services.store.issues.change_plan(issue_id, change) != before
