"""Issue branches: what is on one, whether the bot may move it, and the one way to move it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sixthbot.actions.depends import require_footing
from sixthbot.actions.identity import sign_with
from sixthbot.actions.moving import move_as_operation
from sixthbot.core.errors import NeedsPerson, RefLocked, RefMoved, TryLater, WorkFailed
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.core.messages import ISSUE_TRAILER, SUBTASK_TRAILER, own_trailers
from sixthbot.core.names import BranchName, Oid, clean_line
from sixthbot.git.commits import log, person_from, write_commit
from sixthbot.git.refs import checked_out, tip
from sixthbot.git.renames import renamed_to

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sixthbot.actions.base import Context
    from sixthbot.core.issues import Issue, IssueRecord
    from sixthbot.git.commits import CommitInfo

_FINAL = frozenset({IssueStatus.CANCELLED, IssueStatus.ENDED})
_LOOK_AGAIN = 10.0
"""Seconds until a branch that is checked out somewhere is looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueBranch:
    """An issue's branch as it is now. `commits` are those between the base and the tip, oldest first."""

    name: BranchName
    base: BranchName
    tip: Oid
    base_tip: Oid
    commits: tuple[CommitInfo, ...]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its own commits."""
        return frozenset(commit.id for commit in self.commits)


def read_issue(ctx: Context, record: IssueRecord) -> Issue:
    """Return the accepted issue as it was dropped."""
    return parse_issue(ctx.store.issues.issue_text(record.id), record.file_name)


def look(ctx: Context, record: IssueRecord) -> IssueBranch:
    """Return the issue's branch as it is now.

    Raise WorkFailed when it is gone, and NeedsPerson("input") when its base is, or what it stands on was given up.
    """
    if record.stands_on:
        record = require_footing(ctx, record)
    record = _with_renamed_base(ctx, record)
    if not record.branch:
        raise WorkFailed(
            f"issue {record.id} has no branch yet", hint="its rule needs the step `branch` first"
        )
    name, base = BranchName.parse(record.branch), BranchName.parse(record.base)
    git = ctx.repo.git
    branch_tip, base_tip = tip(git, name), tip(git, base)
    if branch_tip is None:
        raise WorkFailed(
            f"the branch {name} is gone", hint=f"make it again, or: sixthbot issue cancel {record.id}"
        )
    if base_tip is None:
        again = f"git branch {shlex.quote(base.value)} {record.base_commit or 'COMMIT'}"
        raise NeedsPerson(
            f"the branch {base}, the base of {name}, is gone",
            kind="input",
            hint=f"make it again ({again}), or name another as `base` in .sixth/issues/{record.id}/issue.toml; "
            f"then: sixthbot queue retry {ctx.task.id}; or give it up: sixthbot issue cancel {record.id}",
        )
    commits = log(git, tip=branch_tip, not_in=[base_tip])
    return IssueBranch(name=name, base=base, tip=branch_tip, base_tip=base_tip, commits=tuple(commits))


def _with_renamed_base(ctx: Context, record: IssueRecord) -> IssueRecord:
    """Return the record with the name that its base has by now, where a person renamed it."""
    base, at = BranchName.parse(record.base), Oid(record.base_commit) if record.base_commit else None
    if tip(ctx.repo.git, base) is not None:
        return record
    name = renamed_to(ctx.repo.git, base, at=at)
    if name is None:
        return record
    ctx.note("branch.renamed", f"{base}, the base of {record.branch}, is {name} now")
    return ctx.store.issues.change_record(record.id, lambda now: replace(now, base=name.value))


def known_tips(ctx: Context, record: IssueRecord, branch: IssueBranch) -> frozenset[str]:
    """Return the tips of the branch that the bot wrote or a person had it accept."""
    return frozenset(ctx.store.operations.tips_written(branch.name.ref)) | frozenset(record.accepted_tips)


def require_movable(ctx: Context, record: IssueRecord, branch: IssueBranch) -> None:
    """Raise unless the bot may move the branch now.

    NeedsPerson("frozen") when its tip is somebody's who did not hand it over; TryLater while it is checked out.
    """
    if branch.tip not in known_tips(ctx, record, branch):
        raise NeedsPerson(
            f"{branch.name} was changed by somebody else and is left alone (tip {branch.tip[:12]})",
            kind="frozen",
            hint=f"to let the bot build on it: sixthbot release {branch.name}",
        )
    place = checked_out(ctx.repo.git).get(branch.name.ref)
    if place is not None:
        raise TryLater(
            f"{branch.name} is checked out in {place}",
            seconds=_LOOK_AGAIN,
            hint="switch to another branch there; the bot then goes on by itself",
        )


def guarded_move(ctx: Context, record: IssueRecord, branch: IssueBranch, new: Oid, reason: str) -> None:
    """Move the issue's branch to `new`, as one recorded operation.

    Raise what `require_movable` raises, and TryLater when somebody moved it since `branch` was looked at.
    """
    require_movable(ctx, record, branch)
    try:
        move_recorded(ctx, branch.name, old=branch.tip, new=new, reason=reason)
    except RefMoved:
        raise TryLater(f"{branch.name} moved while the bot was at work on it", seconds=1.0) from None


def move_recorded(ctx: Context, name: BranchName, *, old: Oid | None, new: Oid | None, reason: str) -> None:
    """Move a branch from `old` (None: it must not exist) to `new` (None: delete it) as one recorded operation.

    Raise RefMoved if it is not there, TryLater while another git process holds it.
    """
    try:
        move_as_operation(
            ctx.repo.git,
            ctx.store,
            [(name.ref, old, new)],
            now=ctx.clock(),
            task=ctx.task.id,
            reason=reason,
            note=ctx.note,
        )
    except RefLocked as error:
        # whose lock it is cannot be told: it may be a git that is at work, and taking it away would harm that one
        raise TryLater(f"{error.message}; {error.hint}", seconds=_LOOK_AGAIN, hint=error.hint) from None


def commit_as_bot(ctx: Context, *, tree: Oid, parent: Oid, message: str) -> Oid:
    """Write one commit by the configured author and return its id; no ref is moved."""
    now = ctx.clock()
    commit = write_commit(
        ctx.repo.git,
        tree=tree,
        parents=[parent],
        message=message,
        author=person_from(ctx.config.commit.author, now),
        committer=person_from(ctx.config.commit.committer, now),
        sign=sign_with(ctx),
    )
    subject = clean_line(message.partition("\n")[0])
    ctx.note("commit.made", f"{subject} ({commit[:9]})", level="debug", commit=commit)
    return commit


def subtask_number(commit: CommitInfo, issue_id: str) -> int | None:
    """Return the subtask a commit says it does, or None: no such trailer, or that of another issue."""
    own = own_trailers(commit.body)
    number = own.get(SUBTASK_TRAILER, "")
    if own.get(ISSUE_TRAILER, issue_id) != issue_id or not (number.isascii() and number.isdigit()):
        return None
    return int(number[:9])


def is_own_changelog(commit: CommitInfo, issue_id: str) -> bool:
    """Tell whether a commit is the changelog commit that the bot made for this issue."""
    own = own_trailers(commit.body)
    return (
        commit.subject.startswith("docs(changelog)")
        and own.get(ISSUE_TRAILER) == issue_id
        and SUBTASK_TRAILER not in own
    )


def show_status(ctx: Context, record: IssueRecord, status: IssueStatus) -> None:
    """Let lists of issues show how far the issue is; one that a person cancelled, or that ended, stays so."""
    ctx.store.issues.change_record(
        record.id, lambda now: now if now.status in _FINAL else replace(now, status=status)
    )


def adopt(ctx: Context, record: IssueRecord, branch: IssueBranch) -> IssueRecord:
    """Accept what people committed on top of a known tip when its last commit says which subtask it does.

    Return the record as saved. Anything else stays as it is: a tip of somebody else's freezes the branch.
    """
    if not handed_over(
        branch.commits, tip=branch.tip, known=known_tips(ctx, record, branch), issue_id=record.id
    ):
        return record
    record = ctx.store.issues.change_record(
        record.id, lambda now: replace(now, accepted_tips=(*now.accepted_tips, branch.tip))
    )
    ctx.note(
        "branch.accepted",
        f"{branch.name} was continued by a person, who named the subtask in the commit",
        commit=branch.tip,
    )
    return record


def handed_over(
    commits: Sequence[CommitInfo], *, tip: Oid, known: Collection[str], issue_id: str
) -> tuple[CommitInfo, ...]:
    """Return the commits that a person put on a known tip and handed over by naming a subtask in the last of them.

    `commits` are the branch's own, oldest first. None when the tip is known, when its commit names no subtask (its
    writer may not be done), or when the bot's own commits were rewritten, which takes a person's word.
    """
    if tip in known or not commits or commits[-1].id != tip or subtask_number(commits[-1], issue_id) is None:
        return ()
    last_known = max((index for index, commit in enumerate(commits) if commit.id in known), default=-1)
    below = {parent for commit in commits for parent in commit.parents}
    return tuple(commits[last_known + 1 :]) if last_known >= 0 or below.intersection(known) else ()
