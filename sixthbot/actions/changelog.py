"""The step `changelog`: one commit on the branch that adds what it does to the changelog's Unreleased section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixthbot.actions.base import Action, Context, NoArgs
from sixthbot.actions.branches import commit_as_bot, guarded_move, look
from sixthbot.actions.changelog_places import changelog_file, fragments_of
from sixthbot.actions.identity import change_id
from sixthbot.actions.rewriting import heal_plan, without_changelog
from sixthbot.actions.templating import fill
from sixthbot.core.changelog import Style, entries_from, sections
from sixthbot.core.changelogfile import update_bytes
from sixthbot.core.errors import ConfigError
from sixthbot.core.messages import ISSUE_TRAILER, TASK_TRAILER, build_message, closing_nothing
from sixthbot.core.names import clean_line
from sixthbot.core.tasks import Outcome
from sixthbot.core.text import counted
from sixthbot.git.commits import log
from sixthbot.git.trees import edit_tree, list_tree, read_blob, tree_of

if TYPE_CHECKING:
    from sixthbot.actions.branches import IssueBranch
    from sixthbot.core.names import Oid

_TEMPLATE = "changelog.md.j2"
_LINK_MODE = "120000"


def run(ctx: Context, args: NoArgs) -> Outcome:  # noqa: ARG001 - every action takes its arguments
    """Write the changelog commit, or find that the one there says what there is to say.

    Outputs `written`, `entries`, `file` and `reason`. The bot's own earlier changelog commit is replaced.
    """
    record = ctx.issue()
    branch = look(ctx, record)
    settings = ctx.config.changelog
    if not settings.enabled:
        return _outcome(settings.file, reason="changelog.enabled is false")
    if not settings.file and (tool := fragments_of(ctx.repo.git, branch.base_tip)):
        return _outcome(
            "", reason=f"{tool[0]} makes the changelog from the files in {clean_line(tool[1], limit=80)}"
        )
    file = settings.file or changelog_file(ctx.repo.git, branch.base_tip)
    stripped = without_changelog(ctx, record, branch)
    own = log(ctx.repo.git, tip=stripped.tip, not_in=[branch.base_tip])
    # what an issue did is worth a line, also where it is of a kind that is hidden elsewhere
    style = Style(hide=frozenset(), issue_url=settings.issue_url)
    entries = entries_from(own, issue=record.id, style=style)
    tree = _tree_with(ctx, stripped.tip, file, fill(ctx, _TEMPLATE, {"sections": sections(entries)}))
    if tree is None:
        if stripped.tip != branch.tip:
            guarded_move(ctx, record, branch, stripped.tip, "take out a changelog commit that says nothing")
            heal_plan(ctx.repo.git, ctx.store.issues, record.id, own)
        return _outcome(file, reason="there is nothing to say that the changelog does not say")
    if _is_there(branch, stripped.tip, tree):
        return _outcome(file, written=True, entries=len(entries))
    commit = commit_as_bot(
        ctx,
        tree=tree,
        parent=stripped.tip,
        message=build_message(
            closing_nothing(f"docs(changelog): add {clean_line(record.title, limit=50)}"),
            f"Written from the commits of {branch.name}.",
            (
                (ISSUE_TRAILER, record.id),
                (TASK_TRAILER, ctx.task.id),
                *change_id(ctx, record.id, "changelog"),
            ),
        ),
    )
    guarded_move(ctx, record, branch, commit, "changelog")
    heal_plan(ctx.repo.git, ctx.store.issues, record.id, own)
    ctx.tell(f"{file}: {counted(len(entries), 'entry', 'entries')}")
    return _outcome(file, written=True, entries=len(entries))


def _tree_with(ctx: Context, tip: Oid, file: str, rendered: str) -> Oid | None:
    """Return the tip's tree with the entries in its changelog, or None when that changes nothing."""
    git = ctx.repo.git
    _require_plain(ctx, tip, file)
    before = read_blob(git, tip, file)
    after = update_bytes(before, rendered, rst=file.lower().endswith(".rst"))
    if after == (before or b""):
        return None
    return edit_tree(git, tree_of(git, tip), {file: after})


def _require_plain(ctx: Context, tip: Oid, file: str) -> None:
    """Raise ConfigError when the changelog's path is a link or a folder in the branch: it would be replaced."""
    parts = file.split("/")
    if file.startswith("/") or ".." in parts or ".git" in parts or "" in parts:
        raise ConfigError(
            f"changelog.file: {clean_line(file, limit=80)!r} is not a path below the repository"
        )
    for entry in list_tree(ctx.repo.git, tip):
        if entry.path.startswith(file + "/") or (entry.path == file and entry.mode == _LINK_MODE):
            raise ConfigError(
                f"changelog.file: {clean_line(file, limit=80)!r} is not a plain file in the branch",
                hint="name another one in [changelog] file, or set changelog.enabled = false",
            )


def _is_there(branch: IssueBranch, parent: Oid, tree: Oid) -> bool:
    """Tell whether the branch ends in one changelog commit on `parent` with exactly this tree."""
    last = branch.commits[-1] if branch.commits else None
    return last is not None and last.id == branch.tip and last.tree == tree and last.parents == (parent,)


def _outcome(file: str, *, reason: str = "", written: bool = False, entries: int = 0) -> Outcome:
    return Outcome({"written": written, "entries": entries, "file": file, "reason": reason})


ACTION = Action(
    name="changelog",
    summary="adds what the branch does to the changelog, as one more commit",
    Args=NoArgs,
    run=run,
    needs_trust=True,
)
