"""The step `branch`: gives an issue its branch, a ref at the base's tip; nothing is checked out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.branches import move_recorded, read_issue
from sixthbot.actions.depends import require_finished
from sixthbot.core.errors import NeedsPerson, RefMoved, TryLater
from sixthbot.core.names import BranchName, branch_for, clean_line, short_hash, slug
from sixthbot.core.tasks import Outcome
from sixthbot.git.refs import all_refs, prefix_blocked, tip

if TYPE_CHECKING:
    from sixthbot.core.issues import Issue, IssueRecord
    from sixthbot.core.names import Oid

_PLAIN = "{prefix}/{slug}"
_NAME_LIMIT = 60


class BranchArgs(Args):
    """Arguments of `branch`."""

    base: str = Field(default="", description="the branch to start from where the issue names none")


def run(ctx: Context, args: BranchArgs) -> Outcome:
    """Make the branch, or find the one made before; outputs `branch`, `base` and `base_commit`.

    Raise NeedsPerson("input") when there is nothing to start from or the name cannot be had, and what
    `require_finished` raises for an issue that depends on others.
    """
    record = ctx.issue()
    name = BranchName.parse(record.branch) if record.branch else None
    if name is not None and tip(ctx.repo.git, name) is not None and _is_ours(ctx, name):
        return Outcome(_outputs(record))
    issue = read_issue(ctx, record)
    require_finished(ctx, record, issue)
    base, commit = _base(ctx, issue, args)
    chosen = _choose(ctx, issue, record, keep=name)
    # The record comes first: after a crash in between, the next run makes the same branch instead of another one.
    record = ctx.store.issues.change_record(
        record.id, lambda now: replace(now, branch=chosen.value, base=base.value, base_commit=commit)
    )
    _create(ctx, chosen, commit)
    ctx.tell(f"branch {chosen} starts at {base} ({commit[:12]})")
    return Outcome(_outputs(record))


def _is_ours(ctx: Context, name: BranchName) -> bool:
    return bool(ctx.store.operations.tips_written(name.ref))


def _outputs(record: IssueRecord) -> dict[str, Any]:
    return {"branch": record.branch, "base": record.base, "base_commit": record.base_commit}


def _base(ctx: Context, issue: Issue, args: BranchArgs) -> tuple[BranchName, Oid]:
    retry = f"then: sixthbot queue retry {ctx.task.id}"
    wanted = issue.base or args.base
    if wanted:
        base: BranchName | None = BranchName.parse(wanted)
    else:
        base = ctx.repo.default_branch()
    commit = tip(ctx.repo.git, base) if base is not None else None
    if base is not None and commit is not None:
        return base, commit
    if wanted:
        raise NeedsPerson(
            f"the base {clean_line(wanted, limit=80)!r} is not a branch of this repository",
            kind="input",
            hint=f"make that branch, {retry}",
        )
    if not any(ref.startswith("refs/heads/") for ref in all_refs(ctx.repo.git)):
        raise NeedsPerson(
            "the repository has no commits yet, so there is nothing to start a branch from",
            kind="input",
            hint=f"make a first commit, {retry}",
        )
    raise NeedsPerson(
        "no branch here is the obvious one to start from",
        kind="input",
        hint=f"git config init.defaultBranch NAME, {retry}; or name it in the issue (base: NAME)",
    )


def _choose(ctx: Context, issue: Issue, record: IssueRecord, *, keep: BranchName | None) -> BranchName:
    taken = _taken(ctx, but=record.id)
    if keep is not None and keep.value not in taken:
        return keep
    if issue.branch:
        return _asked_for(ctx, issue.branch, taken)
    prefix = ctx.config.branch.prefix
    if prefix_blocked(ctx.repo.git, prefix):
        raise NeedsPerson(
            f"a branch called {prefix} exists, so git can have none below {prefix}/",
            kind="input",
            hint=f"rename it, or set branch.prefix; then: sixthbot queue retry {ctx.task.id}",
        )
    template = ctx.config.branch.name
    if template == _PLAIN:
        return branch_for(prefix=prefix, title=record.title, issue_id=record.id, taken=taken)
    return _by_template(template, prefix, record, taken)


def _asked_for(ctx: Context, wanted: str, taken: set[str]) -> BranchName:
    retry = f"sixthbot issue cancel {ctx.task.issue}, and drop it again with another branch"
    name = BranchName.parse(wanted)
    folder = name.value.rpartition("/")[0]
    if name.value in taken or (folder and prefix_blocked(ctx.repo.git, folder)):
        raise NeedsPerson(f"the branch {name} that the issue asks for is taken", kind="input", hint=retry)
    return name


def _by_template(template: str, prefix: str, record: IssueRecord, taken: set[str]) -> BranchName:
    stem = slug(record.title) or "issue-" + (slug(record.id) or short_hash(record.id))
    parts = {"{prefix}": prefix, "{slug}": stem, "{id}": slug(record.id) or short_hash(record.id)}
    name = template
    for key, value in parts.items():
        name = name.replace(key, value)
    name = name[:_NAME_LIMIT].rstrip("-/.")
    if name in taken:
        tail = "-" + short_hash(record.id)
        name = name[: _NAME_LIMIT - len(tail)].rstrip("-/.") + tail
    return BranchName.parse(name)


def _taken(ctx: Context, *, but: str) -> set[str]:
    """Return every name a new branch cannot have: branches, folders of branches, and what other issues were given."""
    prefix = "refs/heads/"
    names = {ref.removeprefix(prefix) for ref in all_refs(ctx.repo.git) if ref.startswith(prefix)}
    folders = {name.rsplit("/", depth)[0] for name in names for depth in range(1, name.count("/") + 1)}
    others = {record.branch for record in ctx.store.issues.list() if record.id != but and record.branch}
    return names | folders | others


def _create(ctx: Context, name: BranchName, commit: Oid) -> None:
    try:
        move_recorded(ctx, name, old=None, new=commit, reason=f"branch for issue {ctx.task.issue}")
    except RefMoved:
        raise TryLater(f"somebody made a branch {name} at the same moment", seconds=1.0) from None


ACTION = Action(
    name="branch",
    summary="makes the issue's branch at the tip of its base, without checking anything out",
    Args=BranchArgs,
    run=run,
    needs_trust=True,
)
