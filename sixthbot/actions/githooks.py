"""Runs the user's pre-commit and commit-msg hooks on a commit before it is made, where `commit.hooks` says so.

They run as recipes do, in a worktree of the bot's own that shows the change as staged, and may change it and its message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.actions.doing import Failure
from sixthbot.actions.places import how_it_ended, prepared, run_in, task_env
from sixthbot.core.errors import GitFailed, WorkFailed
from sixthbot.core.messages import own_trailers
from sixthbot.core.names import Oid, clean_line, parse_oid
from sixthbot.core.times import format_duration
from sixthbot.git.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sixthbot.actions.base import Context
    from sixthbot.actions.places import Place

_MESSAGE_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    """What the hooks let through: the tree and the message as they left them."""

    tree: Oid
    message: str


def through_hooks(ctx: Context, *, parent: Oid, tree: Oid, message: str) -> Passed | Failure:
    """Return what the hooks make of a commit on `parent`; Failure with a hook's last words where it refuses."""
    git = ctx.repo.git
    try:
        with prepared(ctx, parent) as place:
            git.run("read-tree", "--reset", "-u", tree, cwd=place.path)
            refused = _hook(ctx, place, "pre-commit")
            if refused is not None:
                return refused
            tree = parse_oid(git.run("write-tree", cwd=place.path, write=True).text.strip())
            with scratch_folder() as folder:
                words = folder / "COMMIT_EDITMSG"
                words.write_text(message, encoding="utf-8", errors="surrogateescape")
                refused = _hook(ctx, place, "commit-msg", words)
                if refused is not None:
                    return refused
                new = words.read_bytes()[:_MESSAGE_LIMIT].decode("utf-8", "surrogateescape")
    except (GitFailed, OSError) as error:
        return Failure(f"could not go through the hooks: {clean_line(str(error))}")
    except WorkFailed as error:
        return Failure(f"could not go through the hooks: {error.message}")
    if own_trailers(new) != own_trailers(message):
        return Failure("was refused: the hook commit-msg took the bot's own trailers out of the message")
    return Passed(tree=tree, message=new)


def _hook(ctx: Context, place: Place, name: str, *words: Path) -> Failure | None:
    """Run a hook, if there is one that may be run; Failure where it says no."""
    program = _folder(ctx, place) / name
    if not (program.is_file() and os.access(program, os.X_OK)):
        return None
    arguments: Sequence[str] = [str(word) for word in words]
    limit = ctx.config.work.timeout
    ran = run_in(
        ctx,
        place.path,
        [str(program), *arguments],
        env={**task_env(ctx), "GIT_EDITOR": ":"},
        timeout=limit.total_seconds(),
    )
    if ran.ok:
        return None
    return Failure(f"was refused by the hook {name}, which {how_it_ended(ran, limit=format_duration(limit))}")


def _folder(ctx: Context, place: Place) -> Path:
    """Return where the user's hooks are; as in git, a relative path counts from the top of the work tree."""
    _, configured = ctx.repo.hooks_setting()
    return place.path / configured if configured else ctx.repo.git_dir / "hooks"
