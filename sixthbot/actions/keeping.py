"""Keeps what the bot wrote of each draft beside its issue: so a person's edits are known, and no text is ever lost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError
from sixthbot.core.names import clean_line
from sixthbot.store.atomic import make_dirs, point, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.actions.base import Context
    from sixthbot.core.drafts import Draft
    from sixthbot.core.names import BranchName

_KEEP = point("draft.keep")


def current(ctx: Context, branch: BranchName) -> Draft | None:
    """Return the branch's draft as its file says; None when there is none, or a person broke it (then it is set aside)."""
    try:
        return ctx.store.drafts.find(branch)
    except ConfigError as error:
        path = ctx.store.drafts.path(branch)
        _write(ctx, ctx.task.issue, f"broken-{_digest(path.read_bytes())}.md", path.read_bytes())
        ctx.tell(f"the draft could not be read and is written anew: {clean_line(error.message)}")
        return None


def was_edited(ctx: Context, draft: Draft) -> bool:
    """Tell whether a person changed the text or title since the bot wrote it."""
    kept = _folder(ctx, draft.issue) / _name(draft)
    return not kept.is_file() or kept.read_bytes() != _whole(draft)


def remember(ctx: Context, draft: Draft) -> None:
    """Keep what the bot is about to write."""
    _write(ctx, draft.issue, _name(draft), _whole(draft))


def set_aside(ctx: Context, draft: Draft) -> str:
    """Keep a text that a person edited before a draft of another commit takes its place.

    Return where it is, below the repository; empty where nobody edited it.
    """
    if not was_edited(ctx, draft):
        return ""
    data = _whole(draft)
    name = f"{draft.head[:12]}-edited-{_digest(data)}.md"
    _write(ctx, draft.issue, name, data)
    return f".sixth/issues/{draft.issue}/drafts/{name}"


def own_title(ctx: Context, draft: Draft) -> str:
    """Return the title that a person gave a draft, empty where it is the bot's: it says as much of a later commit."""
    kept = _folder(ctx, draft.issue) / _name(draft)
    try:
        written = kept.read_bytes().partition(b"\n")[0]
    except OSError:
        return ""
    return "" if _whole(draft).partition(b"\n")[0] == written else draft.title


def _name(draft: Draft) -> str:
    return f"{draft.head[:12]}.md"


def _whole(draft: Draft) -> bytes:
    return f"# {draft.title}\n\n{draft.text}".encode("utf-8", "replace")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _folder(ctx: Context, issue_id: str) -> Path:
    return ctx.store.issues.plan_path(issue_id).parent / "drafts"


def _write(ctx: Context, issue_id: str, name: str, data: bytes) -> None:
    folder = _folder(ctx, issue_id)
    make_dirs(folder)
    write_file(folder / name, data, point=_KEEP, durability=ctx.store.durability)
