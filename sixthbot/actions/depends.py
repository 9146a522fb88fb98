"""Issues that build on others: on whose branch one starts, or what it waits for; and whether that still holds later."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError, NeedsPerson, SixthError, TryLater
from sixthbot.core.following import find_circle
from sixthbot.core.issuefile import parse_issue
from sixthbot.core.issues import IssueStatus
from sixthbot.core.names import BranchName
from sixthbot.git.commits import is_ancestor
from sixthbot.git.refs import tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sixthbot.actions.base import Context
    from sixthbot.core.drafts import Draft
    from sixthbot.core.issues import Issue, IssueRecord
    from sixthbot.core.names import Oid
    from sixthbot.git.run import Git
    from sixthbot.store.open import Store

_LOOK_AGAIN = 300.0
"""Seconds; a draft, a push or an ending makes those that wait look at once."""
_NAMED = 3
"""So many ids are named that may have been meant."""
GIVEN_UP = frozenset({IssueStatus.CANCELLED, IssueStatus.REJECTED})
WITH_DRAFT = frozenset({IssueStatus.IN_REVIEW, IssueStatus.APPROVED, IssueStatus.PUSHED})
"""Issues whose branch is whole, so that another may stand on it."""


def footing(ctx: Context, record: IssueRecord, issue: Issue) -> IssueRecord | None:
    """Return the issue whose branch this one starts on, None where it starts on its base.

    TryLater while an issue that it depends on is not that far; NeedsPerson("input") for an id that no issue has, one
    that was given up, and issues that wait for each other.
    """
    found = [_awaited(ctx, record, wanted) for wanted in issue.depends]
    unfinished = [one for one in found if not _is_over(ctx, one)]
    _refuse_circles(ctx, record, unfinished)
    if not unfinished:
        return None
    if not ctx.config.branch.stack or issue.base:
        names = ", ".join(one.id for one in unfinished)
        raise TryLater(f"it waits for issue {names} to be pushed or ended", seconds=_LOOK_AGAIN)
    lower = _uppermost(ctx, unfinished)
    _require_whole(ctx, lower)
    _require_rest(ctx, lower, [one for one in found if one not in unfinished])
    return lower


def _awaited(ctx: Context, record: IssueRecord, wanted: str) -> IssueRecord:
    again = f"then: sixthbot queue retry {ctx.task.id}"
    meant = _meant(ctx.store, record, wanted)
    found = find(ctx.store, meant[0]) if len(meant) == 1 else None
    if found is None:
        near = meant or difflib.get_close_matches(wanted, _other_ids(ctx.store, record), n=1)
        tail = f"; did you mean {' or '.join(near[:_NAMED])}?" if near else ""
        raise NeedsPerson(
            f"it depends on {wanted}, and no issue has that id{tail}",
            kind="input",
            hint=f"correct `depends` in {issue_path(record)}, or add an issue with `id: {wanted}` in its front matter, "
            f"{again}",
        )
    if found.id != wanted and found.id not in record.depends:
        ctx.store.issues.change_record(record.id, lambda now: replace(now, depends=(*now.depends, found.id)))
        ctx.note("branch.stacked", f"`depends: {wanted}` means issue {found.id}", level="info")
    if found.status in GIVEN_UP:
        raise NeedsPerson(
            f"it depends on {found.id}, which is {found.status.value}",
            kind="input",
            hint=f"sixthbot issue reopen {found.id}, {again}; or give this one up: sixthbot issue cancel {record.id}",
        )
    return found


def _meant(store: Store, record: IssueRecord, wanted: str) -> Sequence[str]:
    """Return the ids that `depends` of an issue may mean by an id or its beginning: what was found out once, stays."""
    known = [one for one in record.depends if one.startswith(wanted)]
    if known and wanted not in known:
        return known[:1]
    if find(store, wanted) is not None:
        return [wanted]
    return [one for one in _other_ids(store, record) if one.startswith(wanted)]


def _other_ids(store: Store, record: IssueRecord) -> list[str]:
    return [one.id for one in store.issues.list() if one.id != record.id]


def issue_path(record: IssueRecord) -> str:
    """Return where the text of an issue is, for the person who corrects its front matter."""
    return f".sixth/issues/{record.id}/issue.md"


def _is_over(ctx: Context, record: IssueRecord) -> bool:
    """Tell whether an issue's work is where another one starts, or as near as it comes."""
    if record.status is IssueStatus.ENDED:
        return True
    if record.status is not IssueStatus.PUSHED:
        return False
    if not ctx.config.branch.stack:
        return True
    # pushed is not merged: without its branch, the other one would start without its work
    branch = _tip(ctx.repo.git, record.branch)
    base = _tip(ctx.repo.git, record.base)
    return branch is None or (base is not None and is_ancestor(ctx.repo.git, branch, base))


def _uppermost(ctx: Context, unfinished: Sequence[IssueRecord]) -> IssueRecord:
    """Return the one that has all the others beneath it; TryLater where there is none: a branch stands on one other."""
    beneath = {lower for one in unfinished for lower in chain(ctx.store, one)}
    rest = [one for one in unfinished if one.id not in beneath]
    if len(rest) != 1:
        names = ", ".join(one.id for one in rest)
        raise TryLater(
            f"a branch can stand on one other: it waits until all but one of the issues {names} have ended",
            seconds=_LOOK_AGAIN,
        )
    return rest[0]


def chain(store: Store, record: IssueRecord) -> list[str]:
    """Return the ids of the issues beneath one, the next first."""
    names: list[str] = []
    below = find(store, record.stands_on)
    while below is not None and below.id not in names:
        names.append(below.id)
        below = find(store, below.stands_on)
    return names


def _require_whole(ctx: Context, lower: IssueRecord) -> None:
    if lower.status not in WITH_DRAFT:
        raise TryLater(f"it waits for issue {lower.id} to have a draft", seconds=_LOOK_AGAIN)
    draft = draft_of(ctx.store, lower)
    if lower.status is not IssueStatus.PUSHED and (
        draft is None or draft.head != _tip(ctx.repo.git, lower.branch)
    ):
        raise TryLater(
            f"{lower.branch}, which it will stand on, has moved: it waits for that one's new draft",
            seconds=_LOOK_AGAIN,
        )


def _require_rest(ctx: Context, lower: IssueRecord, over: Sequence[IssueRecord]) -> None:
    """Raise TryLater unless what has come in of other issues is on the branch to stand on as well."""
    git, branch = ctx.repo.git, _tip(ctx.repo.git, lower.branch)
    for one in over:
        into = one.came_into or one.base
        base = _tip(git, into)
        if base is not None and branch is not None and not is_ancestor(git, base, branch):
            raise TryLater(
                f"{lower.branch}, which it would stand on, has not all of {into}, where issue {one.id} came in: "
                f"it waits until {lower.branch} is made anew or comes in",
                seconds=_LOOK_AGAIN,
            )


def require_footing(ctx: Context, record: IssueRecord) -> IssueRecord:
    """Return the record with the base that its branch has by now: that of the issue below, once that came in.

    Raise NeedsPerson("input") when the issue below was given up, or its branch was deleted without coming in.
    """
    settled = settled_footing(ctx.store, ctx.repo.git, record)
    if settled != record:
        record = ctx.store.issues.change_record(
            record.id, lambda now: replace(now, base=settled.base, stands_on=settled.stands_on)
        )
        ctx.note("branch.stacked", f"{record.branch} belongs on {record.base} from now on", level="info")
    lower = find(ctx.store, record.stands_on)
    why = why_not(lower, record)
    if why:
        raise _no_footing(ctx, record, lower, why)
    return record


def settled_footing(store: Store, git: Git, record: IssueRecord) -> IssueRecord:
    """Return a record as it is to be by now: where the issue below came in, it stands on what that one came into."""
    seen: set[str] = set()
    while record.stands_on and record.stands_on not in seen:
        seen.add(record.stands_on)
        lower = find(store, record.stands_on)
        if lower is None:
            break
        if lower.status is IssueStatus.ENDED and lower.came_into:
            below = lower.stands_on if lower.came_into == lower.base else ""
            record = replace(record, base=lower.came_into, stands_on=below)
        elif record.base != lower.branch:
            # a person named another base, or the branch below has another name by now
            if _tip(git, record.base) is not None:
                record = replace(record, stands_on="")
            elif lower.branch:
                record = replace(record, base=lower.branch)
            break
        else:
            break
    return record


def why_not(lower: IssueRecord | None, record: IssueRecord) -> str:
    """Return why a branch cannot stay on the one below it, empty when it can."""
    if not record.stands_on:
        return ""
    if lower is None:
        return f"issue {record.stands_on}, whose branch it stands on, is gone"
    if lower.status in GIVEN_UP:
        return f"it stands on {record.base}, and issue {lower.id} is {lower.status.value}"
    if lower.status is IssueStatus.ENDED:
        return f"it stands on {record.base}, which was deleted before it came into {lower.base}"
    return ""


def _no_footing(ctx: Context, record: IssueRecord, lower: IssueRecord | None, why: str) -> NeedsPerson:
    below = lower.base if lower is not None else ""
    base = below or (ctx.repo.default_branch() or BranchName("main")).value
    name = shlex.quote(record.branch)
    back = (
        f"take that one up again: sixthbot issue reopen {record.stands_on}; or " if lower is not None else ""
    )
    return NeedsPerson(
        why,
        kind="input",
        hint=f"{back}leave its commits out: sixthbot release {name} --onto {shlex.quote(base)}; "
        f"or give this one up: sixthbot issue cancel {record.id}",
    )


def draft_of(store: Store, record: IssueRecord) -> Draft | None:
    """Return the draft of an issue's branch, None where there is none that can be read."""
    try:
        return store.drafts.find(BranchName.parse(record.branch)) if record.branch else None
    except ConfigError:
        return None


def find(store: Store, issue_id: str) -> IssueRecord | None:
    """Return an issue's record, None where there is none that can be read."""
    try:
        return store.issues.record(issue_id) if issue_id else None
    except SixthError:
        return None


def _tip(git: Git, branch: str) -> Oid | None:
    return tip(git, BranchName.parse(branch)) if branch else None


def _refuse_circles(ctx: Context, record: IssueRecord, unfinished: Sequence[IssueRecord]) -> None:
    after: dict[str, Sequence[str]] = {record.id: [one.id for one in unfinished]}
    left = [one.id for one in unfinished]
    while left:
        name = left.pop()
        if name not in after:
            after[name] = _depends(ctx, name)
            left += after[name]
    circle = find_circle(after, record.id)
    if circle:
        raise NeedsPerson(
            f"issues wait for each other: {' -> '.join(circle)}",
            kind="input",
            hint=f"correct `depends` in {issue_path(record)} or in that of another one of them, "
            f"then: sixthbot queue retry {ctx.task.id}",
        )


def _depends(ctx: Context, issue_id: str) -> tuple[str, ...]:
    """Return the issues that another one waits for, none where it is over or cannot be read."""
    record = find(ctx.store, issue_id)
    if record is None or record.status in {IssueStatus.PUSHED, IssueStatus.ENDED}:
        return ()
    try:
        wanted = parse_issue(ctx.store.issues.issue_text(record.id), record.file_name).depends
    except SixthError:
        return ()
    return tuple(name for one in wanted for name in _meant(ctx.store, record, one)[:1])
