"""The step `work`: does the plan's subtasks in order, each by recipe, repair or a person; one commit for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sixthbot.actions.asked import NOT_THERE, ByPerson, ByRecipe, ByRepair, doer_of, why_for_a_person
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
    show_status,
    subtask_number,
)
from sixthbot.actions.doing import Failure, make_tree
from sixthbot.actions.githooks import Passed, through_hooks
from sixthbot.actions.identity import change_id
from sixthbot.actions.limits import require_pace
from sixthbot.core.checkboxes import has_unclosed_do
from sixthbot.core.errors import NeedsPerson, WorkFailed
from sixthbot.core.issues import IssueStatus, SubtaskStatus
from sixthbot.core.messages import (
    ISSUE_TRAILER,
    SUBTASK_TRAILER,
    TASK_TRAILER,
    build_message,
    closing_nothing,
    subject_for,
)
from sixthbot.core.names import clean_line, without_id
from sixthbot.core.tasks import Outcome
from sixthbot.git.trees import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.core.issues import IssueRecord, Plan, Subtask
    from sixthbot.core.names import Oid

_NOTHING_ASKED = "no recipe was asked for"
_UNCLOSED = "the back-tick before its `do:` is not closed; in the plan, do = 'NAME' asks for it"


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
                show_status(ctx, record, IssueStatus.OPEN)
            commits = [commit for done in plan.subtasks for commit in done.commits]
            return Outcome({"done": [done.n for done in plan.subtasks], "commits": commits})
        settled = sum(one.settled for one in plan.subtasks)
        ctx.progress.show(done=settled, total=len(plan.subtasks), item=f"subtask {subtask.n}. {subtask.text}")
        _do(ctx, record, branch, subtask)


def _with_found_commits(ctx: Context, record: IssueRecord, branch: IssueBranch) -> Plan:
    """Settle each subtask that a commit of the branch says it does; this is what makes repeating the step safe.

    A tip that nobody handed over says nothing: its commits may be anybody's.
    """
    if branch.tip not in known_tips(ctx, record, branch):
        return ctx.store.issues.plan(record.id)
    return ctx.store.issues.change_plan(record.id, lambda now: _with_commits(ctx, record, branch, now))


def _with_commits(ctx: Context, record: IssueRecord, branch: IssueBranch, plan: Plan) -> Plan:
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
    return plan


def _own_email(ctx: Context) -> str:
    return ctx.config.commit.committer.rpartition("<")[2].rstrip("> ")


def _do(ctx: Context, record: IssueRecord, branch: IssueBranch, subtask: Subtask) -> None:
    doer = doer_of(ctx.config, subtask.asked)
    if isinstance(doer, ByPerson):
        unclosed = _UNCLOSED if has_unclosed_do(subtask.text) else ""
        unread = why_for_a_person(subtask.unread) if subtask.unread else unclosed
        raise _wait_for_person(ctx, record, subtask, doer.reason or unread)
    require_movable(ctx, record, branch)
    require_pace(ctx)
    ctx.tell(f"subtask {subtask.n}: {doer.by}")
    made = _made(ctx, record, branch, subtask, doer)
    if isinstance(made, Failure):
        if _note(ctx, record, subtask.n, status=SubtaskStatus.FAILED, by=doer.by, reason=made.reason).settled:
            return  # a person did it while the recipe tried
        raise WorkFailed(f"subtask {subtask.n}: {doer.by} {made.reason}", hint=f"sixthbot plan {record.id}")
    commit = _commit(ctx, record, branch, subtask, doer, made)
    _note(
        ctx,
        record,
        subtask.n,
        status=SubtaskStatus.DONE,
        by=doer.by,
        reason="" if commit else "nothing changed",
        commits=(commit,) if commit else (),
        hooks=made.hooks if commit else (),
    )


def _made(
    ctx: Context, record: IssueRecord, branch: IssueBranch, subtask: Subtask, doer: ByRecipe | ByRepair
) -> Passed | Failure:
    """Return the tree that the doer leaves and the message of its commit, both as the hooks let them pass."""
    tree = make_tree(ctx, record, branch, subtask, doer)
    if isinstance(tree, Failure):
        return tree
    message = build_message(
        closing_nothing(subject_for(read_issue(ctx, record).labels, subtask.text)),
        closing_nothing(_why(record, subtask, doer)),
        (
            (ISSUE_TRAILER, record.id),
            (TASK_TRAILER, ctx.task.id),
            (SUBTASK_TRAILER, str(subtask.n)),
            *_further_trailers(ctx, record),
            *change_id(ctx, record.id, str(subtask.n)),
        ),
    )
    if ctx.config.commit.hooks == "skip" or tree == tree_of(ctx.repo.git, branch.tip):
        return Passed(tree=tree, message=message)
    return through_hooks(ctx, parent=branch.tip, tree=tree, message=message)


def _note(ctx: Context, record: IssueRecord, n: int, **changes: Any) -> Subtask:
    """Write into the plan, as it is by now, what became of a subtask; one that a person settled meanwhile stays so."""

    def change(now: Plan) -> Plan:
        subtask = now.get(n)
        return now if subtask.settled else now.with_subtask(replace(subtask, **changes))

    return ctx.store.issues.change_plan(record.id, change).get(n)


def _commit(
    ctx: Context,
    record: IssueRecord,
    branch: IssueBranch,
    subtask: Subtask,
    doer: ByRecipe | ByRepair,
    made: Passed,
) -> Oid | None:
    """Commit what was made on the branch; None when that is what the branch has already."""
    if made.tree == tree_of(ctx.repo.git, branch.tip):
        ctx.note(
            "subtask.unchanged", f"subtask {subtask.n}: {doer.by} changed nothing, so there is no commit"
        )
        return None
    commit = commit_as_bot(ctx, tree=made.tree, parent=branch.tip, message=made.message)
    guarded_move(ctx, record, branch, commit, f"subtask {subtask.n} of issue {record.id}")
    ctx.tell(f"subtask {subtask.n}: commit {commit[:12]}")
    return commit


def _why(record: IssueRecord, subtask: Subtask, doer: ByRecipe | ByRepair) -> str:
    """Return what a reader of the history wants to know: the wish as it was written, whose it is, and how it was done."""
    title = without_id(clean_line(record.title), record.id)
    wish = f"{subtask.text}\n\n" if subtask.text != title else ""
    asked = " ".join(f"{name}={value}" for name, value in subtask.asked.args.items()) if subtask.asked else ""
    how = f"{doer.by} with {asked}" if asked else doer.by
    return f"{wish}This is subtask {subtask.n} of issue {record.id}:\n{title}\n\nDone by the {how}."


def _further_trailers(ctx: Context, record: IssueRecord) -> Iterator[tuple[str, str]]:
    for name, template in ctx.config.commit.trailers.items():
        value = clean_line(template.replace("{id}", record.id).replace("{title}", record.title))
        if value:
            yield name, value


def _wait_for_person(ctx: Context, record: IssueRecord, subtask: Subtask, reason: str) -> NeedsPerson:
    of_before = subtask.reason.startswith((NOT_THERE, _UNCLOSED))  # of a request that is another now
    noted = "" if of_before else subtask.reason
    why = reason or noted or _NOTHING_ASKED
    _note(ctx, record, subtask.n, status=SubtaskStatus.WAITING, by="person", reason=why)
    show_status(ctx, record, IssueStatus.WAITING_FOR_PERSON)
    text = clean_line(subtask.text, limit=120)
    mend = (
        ""
        if why == _NOTHING_ASKED
        else f"correct what it asks for with sixthbot plan {record.id} --edit, or "
    )
    return NeedsPerson(
        f"subtask {subtask.n} waits for a person: {text}" + (f" ({reason})" if reason else ""),
        kind="subtask",
        hint=f"{mend}commit it on {record.branch} in a worktree of your own, leave the branch, then: "
        f"sixthbot done {record.id}",
    )


ACTION = Action(
    name="work",
    summary="does the open subtasks in order: by recipe, by built-in repair, or it waits for a person",
    Args=NoArgs,
    run=run,
    needs_trust=True,
    holds=lambda store, issue_id, _outputs: store.issues.plan(issue_id).next_open() is None,
)
