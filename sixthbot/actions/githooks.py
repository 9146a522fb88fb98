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
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sixthbot.actions.base import Context
    from sixthbot.actions.places import Place

_HOOKS = ("pre-commit", "commit-msg")
_MESSAGE_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    """What the hooks let through: the tree and the message as they left them, and which hooks there were."""

    tree: Oid
    message: str
    hooks: tuple[str, ...] = ()


def through_hooks(ctx: Context, *, parent: Oid, tree: Oid, message: str) -> Passed | Failure:
    """Return what the hooks make of a commit on `parent`; Failure with a hook's last words where it refuses."""
    git = ctx.repo.git
    try:
        with prepared(ctx, parent) as place:
            git.run("read-tree", "--reset", "-u", tree, cwd=place.path)
            hooks = {name: hook for name in _HOOKS if (hook := _program(ctx, place, name)) is not None}
            refused = _ask(ctx, place, hooks, "pre-commit")
            if refused is not None:
                return refused
            tree = parse_oid(git.run("write-tree", cwd=place.path, write=True).text.strip())
            with scratch_folder() as folder:
                words = folder / "COMMIT_EDITMSG"
                words.write_text(message, encoding="utf-8", errors="surrogateescape")
                refused = _ask(ctx, place, hooks, "commit-msg", words)
                if refused is not None:
                    return refused
                new = words.read_bytes()[:_MESSAGE_LIMIT].decode("utf-8", "surrogateescape")
    except (GitFailed, OSError) as error:
        return Failure(f"could not go through the hooks: {clean_line(str(error))}")
    except WorkFailed as error:
        return Failure(f"could not go through the hooks: {error.message}")
    if own_trailers(new) != own_trailers(message):
        return Failure("was refused: the hook commit-msg took the bot's own trailers out of the message")
    return Passed(tree=tree, message=new, hooks=tuple(hooks))


def _program(ctx: Context, place: Place, name: str) -> Path | None:
    """Return a hook, None where there is none that may be run."""
    program = _folder(ctx, place) / name
    return program if program.is_file() and os.access(program, os.X_OK) else None


def _ask(ctx: Context, place: Place, hooks: Mapping[str, Path], name: str, *words: Path) -> Failure | None:
    """Run a hook, if there is one; Failure where it says no."""
    if name not in hooks:
        return None
    arguments: Sequence[str] = [str(word) for word in words]
    limit = ctx.config.work.timeout
    ran = run_in(
        ctx,
        place.path,
        [str(hooks[name]), *arguments],
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
