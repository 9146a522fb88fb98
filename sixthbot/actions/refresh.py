"""The step `refresh`: where the changelog of the default branch lacks something, an issue of its own, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.repairs.changelog import file_of, what_lacks
from sixthbot.core.errors import UsageError
from sixthbot.core.issues import IssueStatus
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.git.refs import tip
from sixthbot.git.trees import read_blob
from sixthbot.store.inboxfile import drop

if TYPE_CHECKING:
    from sixthbot.actions.changelog_places import Lacking
    from sixthbot.core.names import BranchName

_STEM = "refresh-the-changelog"
_CONVENTIONAL = 0.5
"""Below this share of commits in conventional form a changelog is kept by hand, and lines of ours would be noise."""
_OVER = {IssueStatus.ENDED, IssueStatus.CANCELLED}
_TEXT = """\
+++
labels = ["docs"]
source = "changelog"
base = "{base}"
+++
# Refresh the changelog

- [ ] docs(changelog): bring it up to date `do: changelog.refresh`
"""


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Drop the issue into the inbox; outputs `proposed`, `entries` and `reason`.

    Nothing is committed here: what comes of it is a draft like any other. While one of these issues is open no
    second one comes; the next merge, its own for one, looks again.
    """
    base = ctx.repo.default_branch()
    if base is None or not ctx.config.changelog.enabled:
        return _outcome("there is no default branch" if base is None else "changelog.enabled is false")
    if (open_one := _open_one(ctx)) is not None:
        return _outcome(f"issue {open_one} is about it already")
    found = _look(ctx, base)
    if isinstance(found, str):
        ctx.tell(f"no issue about the changelog: {found}")
        return _outcome(found)
    path = drop(ctx.store.places, _STEM, _text(base))
    ctx.tell(f"the changelog lacks {counted(len(found.entries), 'entry', 'entries')}; dropped {path.name}")
    return _outcome(proposed=True, entries=len(found.entries))


def _look(ctx: Context, base: BranchName) -> Lacking | str:
    """Return what the changelog of the base lacks, or why nothing is to be done about it."""
    commit = tip(ctx.repo.git, base)
    if commit is None:
        return f"{base} has no commit"
    try:
        file = file_of(ctx, commit)
    except UsageError as error:
        return error.message
    before = read_blob(ctx.repo.git, commit, file)
    if before is None and not ctx.config.changelog.file:
        return "the repository keeps no changelog"
    found = what_lacks(ctx, before, commit, file)
    if found.changed and found.conventional < _CONVENTIONAL:
        return (
            "most commits are not in conventional form, so its lines are for people to write; "
            "sixthbot changelog --check shows what it would get"
        )
    return found if found.changed else f"{file} says what there is to say"


def _text(base: BranchName) -> bytes:
    return _TEXT.format(base=base.value).encode()


def _open_one(ctx: Context) -> str | None:
    """Return the issue of this kind that is not over, one that still lies in the inbox included."""
    for record in ctx.store.issues.list():
        if record.id.startswith(_STEM) and record.status not in _OVER:
            return record.id
    waiting = sorted(path.name for path in ctx.store.places.inbox.glob(f"{_STEM}*.md"))
    return waiting[0] if waiting else None


def _outcome(reason: str = "", *, proposed: bool = False, entries: int = 0) -> Outcome:
    return Outcome({"proposed": proposed, "entries": entries, "reason": reason})


ACTION = Action(
    name="refresh",
    summary="drops an issue into the inbox where the changelog of the default branch lacks something",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
