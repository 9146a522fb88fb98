"""The step `rebase`: puts the branch onto its base's tip when that has moved, in memory, without any checkout."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.branches import guarded_move, is_own_changelog, look, require_movable
from sixthbot.actions.forecasting import foresee
from sixthbot.actions.identity import sign_with
from sixthbot.actions.rewriting import committer, conflict_files, heal_plan
from sixthbot.actions.tries import REBASED, known_try, remember_try, try_key
from sixthbot.core.errors import NeedsPerson
from sixthbot.core.names import Oid, clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.git.commits import is_ancestor, log, merge_base
from sixthbot.git.rebase import Conflict, Rebased, rebase_in_memory

if TYPE_CHECKING:
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.issues import IssueRecord

_MOST_FILES = 100
_PUT_BACK = "it was rebased onto this before and put back; it is left there until one of the two moves"


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Rebase the issue's branch; outputs `rebased`, `onto`, `dropped` and `reason`.

    Raise NeedsPerson("conflict") with the files and the commands to go on; the branch then stays where it was.
    """
    record = ctx.issue()
    branch = look(ctx, record)
    left_behind = _left_behind(ctx, record, branch)
    if is_ancestor(ctx.repo.git, branch.base_tip, branch.tip) and not left_behind:
        _remember_base(ctx, record, branch.base_tip)
        heal_plan(ctx.repo.git, ctx.store.issues, record.id, branch.commits)
        return _outcome(branch, reason=f"{branch.base} has not moved")
    policy = ctx.config.rebase.policy
    if policy == "never":
        return _outcome(branch, reason="rebase.policy is never")
    start = _start(ctx, record, branch)
    if start is None:
        return _outcome(branch, reason=f"{branch.base} and {branch.name} have no commit in common")
    if policy == "conflicted" and not left_behind and _merges(ctx, branch):
        return _outcome(branch, reason="it still goes together with its base")
    require_movable(ctx, record, branch)
    return _try(ctx, record, branch, start=start)


def _try(ctx: Context, record: IssueRecord, branch: IssueBranch, *, start: Oid) -> Outcome:
    """Rebase, unless the last try was the very same; then tell again what came of it."""
    # the changelog is written anew on the new base; as a commit to be merged it would conflict with everything
    skip = {commit.id for commit in branch.commits if is_own_changelog(commit, record.id)}
    git, cursors = ctx.repo.git, ctx.store.cursors
    key = try_key(git, tip=branch.tip, onto=branch.base_tip, start=start, skip=skip)
    told = known_try(cursors, record.id, key)
    if told == REBASED:
        return _outcome(branch, reason=_PUT_BACK)
    if told is not None:
        raise _needs_person(branch, told, ctx, start=start)
    result = rebase_in_memory(
        git,
        branch_tip=branch.tip,
        upstream_base=start,
        onto=branch.base_tip,
        committer=committer(ctx),
        skip=skip,
        sign=sign_with(ctx),
    )
    if isinstance(result, Conflict):
        told = _story(ctx, branch, result)
        remember_try(cursors, record.id, key, told)
        raise _needs_person(branch, told, ctx, start=start)
    if not isinstance(result, Rebased):
        return _outcome(branch, reason=f"{branch.base} has not moved")
    outcome = _finish(ctx, record, branch, result)
    remember_try(cursors, record.id, key, REBASED)
    return outcome


def _merges(ctx: Context, branch: IssueBranch) -> bool:
    """Tell whether the branch could be merged into its base as it is."""
    pair = branch.base_tip, branch.tip
    return foresee(ctx.repo.git, ctx.store.cursors, [pair])[pair] == ()


def _start(ctx: Context, record: IssueRecord, branch: IssueBranch) -> Oid | None:
    """Return the commit that the branch's own work is counted from, None when there is no such thing.

    Its base, or, where that was rewritten, the commit it was made at: the old base's commits are not its own.
    """
    if _left_behind(ctx, record, branch):
        return Oid(record.base_commit)
    common = merge_base(ctx.repo.git, branch.base_tip, branch.tip)
    return branch.base_tip if common is not None else None


def _left_behind(ctx: Context, record: IssueRecord, branch: IssueBranch) -> bool:
    """Tell whether the branch stands on commits that its base no longer has: those are to be left out.

    So it is when the base was rewritten or cut short, and when a branch below came in squashed or rebased.
    """
    git, made_at = ctx.repo.git, record.base_commit
    if not made_at or is_ancestor(git, Oid(made_at), branch.base_tip):
        return False
    return is_ancestor(git, Oid(made_at), branch.tip)


def _finish(ctx: Context, record: IssueRecord, branch: IssueBranch, result: Rebased) -> Outcome:
    for old, new in result.mapping.items():
        if old != new:
            ctx.note(
                "commit.made", f"{old[:9]} anew as {new[:9]}", level="debug", commit=new, data={"from": old}
            )
    guarded_move(ctx, record, branch, result.new_tip, f"rebase onto {branch.base}")
    commits = log(ctx.repo.git, tip=result.new_tip, not_in=[branch.base_tip])
    heal_plan(ctx.repo.git, ctx.store.issues, record.id, commits)
    _remember_base(ctx, record, branch.base_tip)
    ctx.note(
        "branch.rebased",
        f"{branch.name} now stands on {branch.base} at {branch.base_tip[:12]}",
        commit=result.new_tip,
        data={"mapping": dict(result.mapping)},
    )
    for dropped in result.dropped:
        ctx.note(
            "commit.dropped",
            f"{dropped[:12]} became empty: {branch.base} has its change already",
            commit=dropped,
        )
    ctx.tell(f"rebased {counted(len(commits), 'commit')} onto {branch.base} ({branch.base_tip[:12]})")
    return _outcome(branch, reason="", rebased=True, dropped=[str(old) for old in result.dropped])


def _remember_base(ctx: Context, record: IssueRecord, base_tip: Oid) -> None:
    ctx.store.issues.change_record(record.id, lambda now: replace(now, base_commit=base_tip))


def _story(ctx: Context, branch: IssueBranch, conflict: Conflict) -> str:
    """Write down what conflicts, with all that git knows of it; return it for people."""
    files = conflict_files(conflict)
    named = ", ".join(clean_line(path, limit=100) for path in files[:10])
    more = f" and {len(files) - 10} more" if len(files) > 10 else ""  # noqa: PLR2004 - a line's worth of names
    culprit = conflict.commit
    told = (
        f"{branch.name} conflicts with {branch.base} in {named}{more}; "
        f"the commit that does not fit is {culprit.id[:12]} {clean_line(culprit.subject, limit=100)}"
    )
    stages = [
        {"path": clean_line(file.path), "stages": [list(stage) for stage in file.stages]}
        for file in conflict.files[:_MOST_FILES]
    ]
    ctx.note(
        "rebase.conflict", told, level="warning", commit=culprit.id,
        data={"onto": branch.base_tip, "files": stages, "message": clean_line(conflict.message, limit=2000)},
    )  # fmt: skip
    return told


def _needs_person(branch: IssueBranch, told: str, ctx: Context, *, start: Oid) -> NeedsPerson:
    name, base = shlex.quote(branch.name.value), shlex.quote(branch.base.value)
    # what the base no longer has would only conflict again
    onto = base if start == branch.base_tip else f"--onto {base} {start[:12]}"
    return NeedsPerson(
        told,
        kind="conflict",
        hint=f"git worktree add ../resolve {name} && cd ../resolve && git rebase {onto}; solve it, "
        f"git rebase --continue; cd - && git worktree remove ../resolve; "
        f"then: sixthbot release {name}, and if it still waits: sixthbot queue retry {ctx.task.id}",
    )


def _outcome(
    branch: IssueBranch, *, reason: str, rebased: bool = False, dropped: list[str] | None = None
) -> Outcome:
    outputs: dict[str, Any] = {
        "rebased": rebased,
        "onto": branch.base_tip,
        "dropped": dropped or [],
        "reason": reason,
    }
    return Outcome(outputs)


ACTION = Action(
    name="rebase",
    summary="puts the issue's branch onto its base when that has moved, without a checkout",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
