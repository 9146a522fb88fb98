"""The step `work`: does the plan's subtasks in order, each by recipe, repair or a person; one commit for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.actions.asked import ByPerson, ByRecipe, ByRepair, doer_of
from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.branches import (
    IssueBranch,
    adopt,
    commit_as_bot,
    guarded_move,
    known_tips,
    look,
    read_issue,
    require_movable,
    subtask_number,
)
from sixthbot.actions.doing import Failure, make_tree
from sixthbot.core.errors import NeedsPerson, WorkFailed
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.messages import ISSUE_TRAILER, SUBTASK_TRAILER, TASK_TRAILER, subject_for
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from sixthbot.core.issues import IssueRecord, Plan, Subtask
    from sixthbot.core.names import Oid


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Do every subtask that is open; outputs `done` and `commits`.

    Raise NeedsPerson("subtask") at the first one that waits for a person, WorkFailed when a recipe fails.
    """
    while True:
        ctx.check_cancelled()
        record = ctx.issue()
        branch = look(ctx, record)
        record = adopt(ctx, record, branch)
        plan = _with_found_commits(ctx, record, branch)
        subtask = plan.next_open()
        if subtask is None:
            if record.status is IssueStatus.WAITING_FOR_PERSON:
                _set_status(ctx, record, IssueStatus.OPEN)
            commits = [commit for done in plan.subtasks for commit in done.commits]
            return Outcome({"done": [done.n for done in plan.subtasks], "commits": commits})
        _do(ctx, record, branch, plan, subtask)


def _with_found_commits(ctx: Context, record: IssueRecord, branch: IssueBranch) -> Plan:
    """Settle each subtask that a commit of the branch says it does; this is what makes repeating the step safe.

    A tip that nobody handed over says nothing: its commits may be anybody's.
    """
    plan = ctx.store.issues.plan(record.id)
    if branch.tip not in known_tips(ctx, record, branch):
        return plan
    numbers = {subtask.n for subtask in plan.subtasks if not subtask.settled}
    for commit in branch.commits:
        n = subtask_number(commit, record.id)
        if n is None or n not in numbers:
            continue
        subtask = plan.get(n)
        own = commit.committer.email == _own_email(ctx) and any(
            name == TASK_TRAILER for name, _ in commit.trailers
        )
        by = (subtask.by or doer_of(ctx.config, subtask.asked).by) if own else "person"
        found = (*subtask.commits, *([commit.id] if commit.id not in subtask.commits else []))
        plan = plan.with_subtask(replace(subtask, status=SubtaskStatus.DONE, by=by, reason="", commits=found))
    if plan != ctx.store.issues.plan(record.id):
        ctx.store.issues.save_plan(record.id, plan)
    return plan


def _own_email(ctx: Context) -> str:
    return ctx.config.commit.committer.rpartition("<")[2].rstrip("> ")


def _do(ctx: Context, record: IssueRecord, branch: IssueBranch, plan: Plan, subtask: Subtask) -> None:
    doer = doer_of(ctx.config, subtask.asked)
    if isinstance(doer, ByPerson):
        raise _wait_for_person(ctx, record, plan, subtask, doer.reason)
    require_movable(ctx, record, branch)
    ctx.tell(f"subtask {subtask.n}: {doer.by}")
    made = make_tree(ctx, record, branch, subtask, doer)
    if isinstance(made, Failure):
        failed = replace(subtask, status=SubtaskStatus.FAILED, by=doer.by, reason=made.reason)
        ctx.store.issues.save_plan(record.id, plan.with_subtask(failed))
        raise WorkFailed(f"subtask {subtask.n}: {doer.by} {made.reason}", hint=f"sixthbot plan {record.id}")
    commit = _commit(ctx, record, branch, subtask, doer, made)
    done = replace(
        subtask,
        status=SubtaskStatus.DONE,
        by=doer.by,
        reason="" if commit else "nothing changed",
        commits=(commit,) if commit else (),
    )
    ctx.store.issues.save_plan(record.id, plan.with_subtask(done))


def _commit(
    ctx: Context,
    record: IssueRecord,
    branch: IssueBranch,
    subtask: Subtask,
    doer: ByRecipe | ByRepair,
    tree: Oid,
) -> Oid | None:
    """Commit `tree` on the branch; None when that is what the branch has already."""
    if tree == tree_of(ctx.repo.git, branch.tip):
        ctx.store.journal.append(
            "subtask.unchanged",
            f"subtask {subtask.n}: {doer.by} changed nothing, so there is no commit",
            task=ctx.task.id,
            issue=record.id,
        )
        ctx.tell(f"subtask {subtask.n}: {doer.by} changed nothing")
        return None
    body = f"Made by the {doer.by} for subtask {subtask.n} of issue {record.id}:\n{subtask.text}"
    commit = commit_as_bot(
        ctx,
        tree=tree,
        parent=branch.tip,
        subject=subject_for(read_issue(ctx, record).labels, subtask.text),
        body=body,
        trailers=(
            (ISSUE_TRAILER, record.id),
            (TASK_TRAILER, ctx.task.id),
            (SUBTASK_TRAILER, str(subtask.n)),
        ),
    )
    guarded_move(ctx, record, branch, commit, f"subtask {subtask.n} of issue {record.id}")
    ctx.tell(f"subtask {subtask.n}: commit {commit[:12]}")
    return commit


def _wait_for_person(
    ctx: Context, record: IssueRecord, plan: Plan, subtask: Subtask, reason: str
) -> NeedsPerson:
    why = reason or subtask.reason or "no recipe was asked for"
    waiting = replace(subtask, status=SubtaskStatus.WAITING, by="person", reason=why)
    if waiting != subtask:
        ctx.store.issues.save_plan(record.id, plan.with_subtask(waiting))
    _set_status(ctx, record, IssueStatus.WAITING_FOR_PERSON)
    text = clean_line(subtask.text, limit=120)
    return NeedsPerson(
        f"subtask {subtask.n} waits for a person: {text}" + (f" ({reason})" if reason else ""),
        kind="subtask",
        hint=f"commit it on {record.branch} in a worktree of your own, leave the branch, then: "
        f"sixthbot done {record.id}",
    )


def _set_status(ctx: Context, record: IssueRecord, status: IssueStatus) -> None:
    if record.status is not status:
        ctx.store.issues.save_record(replace(record, status=status))


ACTION = Action(
    name="work",
    summary="does the open subtasks in order: by recipe, by built-in repair, or it waits for a person",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
