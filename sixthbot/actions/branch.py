"""The step `branch`: gives an issue its branch, a ref at the base's tip; nothing is checked out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from sixthbot.actions.base import Action, Args, Context
from sixthbot.actions.branches import move_recorded, read_issue
from sixthbot.actions.depends import footing, issue_path
from sixthbot.actions.limits import require_room
from sixthbot.core.errors import NeedsPerson, RefMoved, TryLater
from sixthbot.core.messages import kind_of, label_words
from sixthbot.core.names import BranchName, Oid, branch_for, clean_line, in_the_way, prefix_for
from sixthbot.core.tasks import Outcome
from sixthbot.git.refs import all_refs, list_refs, tip

if TYPE_CHECKING:
    from sixthbot.core.issues import Issue, IssueRecord

_HEADS = "refs/heads/"
_REMOTES = "refs/remotes/"


class BranchArgs(Args):
    """Arguments of `branch`."""

    base: str = Field(default="", description="the branch to start from where the issue names none")


def run(ctx: Context, args: BranchArgs) -> Outcome:
    """Make the branch, or find the one made before; outputs `branch`, `base` and `base_commit`.

    Raise NeedsPerson("input") when there is nothing to start from or the name cannot be had, TryLater while there are
    too many branches already, and what `footing` raises for an issue that depends on others.
    """
    record = ctx.issue()
    name = BranchName.parse(record.branch) if record.branch else None
    if name is not None and tip(ctx.repo.git, name) is not None and _is_ours(ctx, record, name):
        return Outcome(_outputs(record))
    issue = read_issue(ctx, record)
    # What others were given is counted and looked at, and the choice noted, with nobody else choosing in between: two
    # workers would both find room for one more, or the same name free.
    with ctx.store.issues.choosing():
        require_room(ctx, record)
        lower = footing(ctx, record, issue)
        base, commit = _base(ctx, record, issue, args) if lower is None else _on_top_of(ctx, lower)
        made = _made_before(ctx, record) if name is None else None
        chosen, commit = made or (_choose(ctx, issue, record, keep=name), commit)
        # The record comes first: after a crash in between, the next run makes the same branch instead of another one.
        record = ctx.store.issues.change_record(
            record.id,
            lambda now: replace(
                now,
                branch=chosen.value,
                base=base.value,
                base_commit=commit,
                stands_on=lower.id if lower is not None else "",
                came_into="",
            ),
        )
    if made is not None:
        return Outcome(_outputs(record))
    _create(ctx, chosen, commit)
    on = f", the branch of issue {lower.id}" if lower is not None else ""
    ctx.tell(f"branch {chosen} starts at {base} ({commit[:12]}){on}")
    return Outcome(_outputs(record))


def _made_before(ctx: Context, record: IssueRecord) -> tuple[BranchName, Oid] | None:
    """Return the branch that was made for the issue and the commit it began at, where its record does not say so.

    That is so where the record was brought back as it was before.
    """
    for operation in reversed(ctx.store.operations.list()):
        for ref, old, new in operation.refs if operation.reason == _reason(record.id) else ():
            if old is None and new is not None and ref.startswith(_HEADS):
                name = BranchName.of_ref(ref)
                if name is not None and tip(ctx.repo.git, name) in ctx.store.operations.tips_written(ref):
                    return name, Oid(new)
    return None


def _reason(issue_id: str) -> str:
    return f"branch for issue {issue_id}"


def _is_ours(ctx: Context, record: IssueRecord, name: BranchName) -> bool:
    # one that a person renamed was never written under this name
    return bool(ctx.store.operations.tips_written(name.ref)) or bool(record.accepted_tips)


def _outputs(record: IssueRecord) -> dict[str, Any]:
    return {"branch": record.branch, "base": record.base, "base_commit": record.base_commit}


def _base(ctx: Context, record: IssueRecord, issue: Issue, args: BranchArgs) -> tuple[BranchName, Oid]:
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
        names = (ref.removeprefix(_HEADS) for ref in list_refs(ctx.repo.git, (_HEADS,)).ids)
        near = difflib.get_close_matches(wanted, sorted(names), n=1)
        tail = f"; did you mean {near[0]}?" if near else ""
        where = f"in {issue_path(record)}" if issue.base else f"of the rule {ctx.task.rule}"
        raise NeedsPerson(
            f"the base {clean_line(wanted, limit=80)!r} is not a branch of this repository{tail}",
            kind="input",
            hint=f"correct `base` {where} or make that branch, {retry}",
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
        hint=f"git config init.defaultBranch NAME, or name it (`base: NAME`) in {issue_path(record)}, {retry}",
    )


def _on_top_of(ctx: Context, lower: IssueRecord) -> tuple[BranchName, Oid]:
    base = BranchName.parse(lower.branch)
    commit = tip(ctx.repo.git, base)
    if commit is None:
        raise TryLater(f"{base}, which it will stand on, went away at this moment", seconds=1.0)
    return base, commit


def _choose(ctx: Context, issue: Issue, record: IssueRecord, *, keep: BranchName | None) -> BranchName:
    taken = _taken(ctx, but=record.id)
    if keep is not None and not _is_taken(keep, taken):
        return keep
    if issue.branch:
        return _asked_for(ctx, record, issue.branch, taken)
    settings = ctx.config.branch
    kind = kind_of(issue.labels, record.title)
    prefix, key = prefix_for(
        settings.prefix_by,
        issue_id=record.id,
        title=record.title,
        labels=label_words(issue.labels),
        kind=kind,
        default=settings.prefix,
    )
    name = branch_for(
        prefix=prefix,
        title=record.title,
        issue_id=record.id,
        taken=taken.names | taken.folders | taken.far,
        template=settings.name,
        kind=kind,
        key=key,
    )
    blocking = in_the_way(name.value, taken.names)
    if blocking:
        raise NeedsPerson(
            f"a branch called {blocking} exists, so git can have none below {blocking}/",
            kind="input",
            hint=f"rename it, or set branch.prefix; then: sixthbot queue retry {ctx.task.id}",
        )
    return name


def _asked_for(ctx: Context, record: IssueRecord, wanted: str, taken: _Taken) -> BranchName:
    retry = f"name another `branch` in {issue_path(record)}, then: sixthbot queue retry {ctx.task.id}"
    name = BranchName.parse(wanted)
    if _is_taken(name, taken) or in_the_way(name.value, taken.names):
        raise NeedsPerson(f"the branch {name} that the issue asks for is taken", kind="input", hint=retry)
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """Names of branches, those given to other issues among them; their folders; and names that remotes have."""

    names: set[str]
    folders: set[str]
    far: set[str]


def _is_taken(name: BranchName, taken: _Taken) -> bool:
    # some disks know no case, and a clone of this repository may lie on one
    return name.value.casefold() in {one.casefold() for one in taken.names | taken.folders}


def _taken(ctx: Context, *, but: str) -> _Taken:
    listed = list_refs(ctx.repo.git, (_HEADS, _REMOTES)).ids
    names = {ref.removeprefix(_HEADS) for ref in listed if ref.startswith(_HEADS)}
    folders = {name.rsplit("/", depth)[0] for name in names for depth in range(1, name.count("/") + 1)}
    others = {record.branch for record in ctx.store.issues.list() if record.id != but and record.branch}
    # a push would meet somebody else's branch there
    far = {ref.removeprefix(_REMOTES).partition("/")[2] for ref in listed if ref.startswith(_REMOTES)}
    return _Taken(names=names | others, folders=folders, far=far - {""})


def _create(ctx: Context, name: BranchName, commit: Oid) -> None:
    try:
        move_recorded(ctx, name, old=None, new=commit, reason=_reason(ctx.task.issue))
    except RefMoved:
        raise TryLater(f"somebody made a branch {name} at the same moment", seconds=1.0) from None


ACTION = Action(
    name="branch",
    summary="makes the issue's branch at the tip of its base, without checking anything out",
    Args=BranchArgs,
    run=run,
    needs_trust=True,
    holds=lambda store, issue_id, _outputs: bool(store.issues.record(issue_id).branch),
)
