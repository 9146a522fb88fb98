"""Which commit an event is about: its own, else its branch's tip, else the issue's branch, else the default branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.core.errors import InvalidName, NeedsPerson
from sixthbot.core.names import BranchName, Oid, is_null, parse_oid
from sixthbot.git.refs import tip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixthbot.actions.base import Context


def commit_of(ctx: Context) -> Oid:
    """Return the commit that commands and reports of this task look at; NeedsPerson("input") when there is none."""
    found = next(_candidates(ctx), None)
    if found is None:
        raise NeedsPerson(
            "the repository has no commit to look at",
            kind="input",
            hint=f"make a first commit, then: sixthbot queue retry {ctx.task.id}",
        )
    return found


def _candidates(ctx: Context) -> Iterator[Oid]:
    git = ctx.repo.git
    fields = ctx.event.fields
    try:
        named = parse_oid(str(fields.get("id", "")))
    except InvalidName:
        named = None  # other events have other ids in that field
    if (
        named
        and not is_null(named)
        and git.run("cat-file", "-e", f"{named}^{{commit}}", check=False).status == 0
    ):
        yield named
    names = [str(fields.get("branch", ""))]
    if ctx.task.issue:
        names.append(ctx.issue().branch)
    for name in names:
        branch = _branch(name)
        if branch is not None and (found := tip(git, branch)) is not None:
            yield found
    default = ctx.repo.default_branch()
    if default is not None and (found := tip(git, default)) is not None:
        yield found


def _branch(name: str) -> BranchName | None:
    try:
        return BranchName.parse(name) if name else None
    except InvalidName:
        return None
