"""The repair `changelog.refresh`: what the history says and the changelog lacks, put into the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.actions.base import Args, Repair
from sixthbot.actions.changelog_places import (
    changelog_file,
    lacking,
    read_page_file,
    require_no_fragments,
    write_page_file,
)
from sixthbot.actions.full_changelog import RELEASE_TEMPLATE, Wanted, read_changelog
from sixthbot.core.changelog import Style
from sixthbot.core.errors import UsageError
from sixthbot.core.text import counted
from sixthbot.git.history import told_by
from sixthbot.store.resources import read_template

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.actions.base import Context
    from sixthbot.actions.changelog_places import Lacking
    from sixthbot.core.names import Oid


class RefreshArgs(Args):
    """`changelog.refresh` takes no arguments."""


def what_lacks(ctx: Context, before: bytes | None, tip: Oid, file: str) -> Lacking:
    """Return what the changelog's bytes lack at a commit, by the settings."""
    settings = ctx.config.changelog
    text, origin = read_template(ctx.store.places, RELEASE_TEMPLATE, ctx.store.trust)
    wanted = Wanted(
        style=Style(hide=frozenset(settings.hide), issue_url=settings.issue_url),
        tag=settings.tag,
        paths=tuple(settings.paths),
        template=text,
        template_origin=origin,
    )
    changelog = read_changelog(ctx.repo.git, tip, wanted)
    covered = told_by(ctx.repo.git, tip=tip, file=file)
    return lacking(before, changelog, wanted, covered=covered, rst=file.lower().endswith(".rst"))


def file_of(ctx: Context, tip: Oid) -> str:
    """Return the changelog's path; raise UsageError where another tool makes it."""
    if not ctx.config.changelog.file:
        require_no_fragments(ctx.repo.git, tip)
    return ctx.config.changelog.file or changelog_file(ctx.repo.git, tip)


def with_history(ctx: Context, root: Path, tip: Oid) -> str:
    """Refresh the file in a worktree that is at `tip`; return what was done in one line."""
    file = file_of(ctx, tip)
    found = what_lacks(ctx, read_page_file(root, file), tip, file)
    if found.changed:
        write_page_file(root, file, found.text)
    return f"{file}: {counted(len(found.entries), 'entry', 'entries')} added"


def run(root: Path, files: Sequence[str], args: RefreshArgs) -> str:  # noqa: ARG001 - the shape of a repair
    """Refuse: without a history there is nothing to write."""
    raise UsageError("changelog.refresh needs the history of a repository")


REPAIR = Repair(
    name="changelog.refresh",
    summary="puts what the history says and the changelog lacks into the file",
    Args=RefreshArgs,
    run=run,
    with_history=with_history,
)
