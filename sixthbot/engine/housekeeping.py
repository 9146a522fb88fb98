"""Keeps up with what people do to issue branches: commits that answer, merges and deletions, a branch left again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sixthbot.actions.branches import handed_over, subtask_number
from sixthbot.actions.moving import move_as_operation
from sixthbot.core.errors import RefMoved, SixthError, UsageError
from sixthbot.core.events import EventKind
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName, Oid, parse_oid
from sixthbot.core.tasks import Parked
from sixthbot.engine.admit import cancel, hasten
from sixthbot.engine.again import is_expected
from sixthbot.engine.answers import answer_subtask
from sixthbot.engine.closing import put_away
from sixthbot.engine.renaming import follow_rename
from sixthbot.git.commits import log
from sixthbot.git.refs import checked_out

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sixthbot.core.issues import Ending, IssueRecord
    from sixthbot.engine.services import Services

_CLEANUP = "cleanup"
_LIVE = ("ready", "waiting", "running", "parked", "failed")
_OVER = {IssueStatus.ENDED, IssueStatus.CANCELLED}


def take_up_commits(services: Services, tips: Mapping[str, Oid], in_use: Collection[str]) -> list[str]:
    """Answer for people whose commits name the subtask that waits; return the issues that go on.

    `tips` are all branches by full ref name, `in_use` those that are checked out: there somebody is still at work.
    Where git fails over one issue, the others go on first; then that is raised.
    """
    answered: list[str] = []
    failure: SixthError | None = None
    for task in services.store.queue.all(states=("parked",)):
        if not (isinstance(task.state, Parked) and task.state.kind == "subtask" and task.issue):
            continue
        try:
            if _take_up(services, task.issue, tips, in_use):
                answered.append(task.issue)
        except UsageError:
            continue  # its files are gone or damaged, as `doctor` says; the other issues go on
        except SixthError as error:
            failure = error
    if failure is not None:
        raise failure
    return answered


def _take_up(services: Services, issue_id: str, tips: Mapping[str, Oid], in_use: Collection[str]) -> bool:
    record = services.store.issues.record(issue_id)
    ref = f"refs/heads/{record.branch}"
    number = None if ref in in_use or ref not in tips else _named_subtask(services, record, tips[ref])
    if number is None:
        return False
    services.store.journal.append(
        "subtask.committed", f"subtask {number} came as a commit on {record.branch}", issue=record.id
    )
    answer_subtask(services, record.id, number)
    return True


def _named_subtask(services: Services, record: IssueRecord, tip: Oid) -> int | None:
    """Return a waiting subtask that was handed over by commits that name it, None where none was."""
    branch = BranchName.parse(record.branch)
    known = services.store.operations.tips_written(branch.ref) | set(record.accepted_tips)
    if tip in known:
        return None
    below = [parse_oid(record.base_commit)] if record.base_commit else []
    commits = log(services.repo.git, tip=tip, not_in=below)
    new = handed_over(commits, tip=tip, known=known, issue_id=record.id)
    named = {subtask_number(commit, record.id) for commit in new}
    waiting = services.store.issues.plan(record.id).waiting()
    return next((subtask.n for subtask in waiting if subtask.n in named), None)


def end_issues(services: Services, endings: Sequence[Ending]) -> list[str]:
    """End the issues whose branch came into its base or was deleted; return their ids.

    Their tasks are cancelled. A branch that came in is deleted by a later `clean_up`. Doing it again is harmless.
    """
    ended = []
    for ending in endings:
        record = services.store.issues.find_by_branch(ending.branch)
        if record is None or is_expected(services, ending) or follow_rename(services, record, ending):
            continue
        put_away(services, record)
        if record.status in _OVER:
            continue
        if ending.into:
            _remember(services, _pending(services) | {ending.branch: ending.tip})
        for task in services.store.queue.about({record.id}, _LIVE):
            if task.event.kind == EventKind.ISSUE_ADDED:
                cancel(services, task, reason="its issue has ended")
        into = ending.into
        services.store.issues.change_record(
            record.id, partial(replace, status=IssueStatus.ENDED, came_into=into)
        )
        services.store.journal.append(
            "issue.ended", _story(services, record, ending), issue=record.id, commit=ending.tip
        )
        ended.append(record.id)
    if ended:
        hasten(services)  # other issues may have waited for these
    return ended


def _story(services: Services, record: IssueRecord, ending: Ending) -> str:
    what = f"was merged into {ending.into}" if ending.into else "was deleted"
    try:
        unsettled = [str(one.n) for one in services.store.issues.plan(record.id).subtasks if not one.settled]
    except UsageError:
        unsettled = []  # a person broke the plan, and the issue has ended all the same
    rest = (
        f"; not done: subtask {', '.join(unsettled)} (sixthbot issue reopen {record.id})" if unsettled else ""
    )
    return f"{ending.branch} {what}, so the issue has ended{rest}"


def clean_up(services: Services, tips: Mapping[str, Oid], in_use: Collection[str]) -> list[str]:
    """Delete branches that came into their base, each as an operation that can be undone; return their names.

    One that moved since is left alone for good; one that is checked out, or still worked on, until it is free.
    """
    pending = _pending(services)
    if not pending:
        return []
    left, deleted = dict(pending), []
    running = {task.issue for task in services.store.queue.all(states=("running",))}
    for name, tip in pending.items():
        ref = f"refs/heads/{name}"
        if tips.get(ref) != tip:
            del left[name]
            continue
        record = services.store.issues.find_by_branch(name)
        busy = record is not None and record.id in running
        if busy or ref in in_use or ref in checked_out(services.repo.git):
            continue
        if _delete(services, ref, tip):
            deleted.append(name)
        del left[name]
    if left != pending:
        _remember(services, left)
    return deleted


def _delete(services: Services, ref: str, tip: Oid) -> bool:
    name = ref.removeprefix("refs/heads/")
    try:
        operation = move_as_operation(
            services.repo.git,
            services.store,
            [(ref, str(tip), None)],
            now=services.clock(),
            task="",
            reason=f"delete {name}, which was merged",
            note=services.store.journal.note,
        )
    except RefMoved:
        return False
    services.store.journal.append(
        "branch.deleted",
        f"{name} was merged and is deleted; bring it back with: git branch {shlex.quote(name)} {tip}",
        commit=tip,
        data={"operation": operation.id},
    )
    return True


def _pending(services: Services) -> dict[str, Oid]:
    saved = (services.store.cursors.load(_CLEANUP) or {}).get("branches")
    return {str(name): Oid(str(tip)) for name, tip in saved.items()} if isinstance(saved, dict) else {}


def _remember(services: Services, pending: Mapping[str, Oid]) -> None:
    services.store.cursors.save(_CLEANUP, {"branches": dict(pending)})
