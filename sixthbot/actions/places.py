"""Worktrees of the bot's own for running commands: prepared as the configuration says, with the environment it gives."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sixthbot.core.errors import ConfigError, WorkFailed
from sixthbot.core.names import clean_line, short_hash
from sixthbot.git.diffs import numstat
from sixthbot.git.trees import edit_tree, list_tree, read_blob, snapshot_worktree, tree_of
from sixthbot.store.redact import redact_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sixthbot.actions.base import Context, Ran
    from sixthbot.core.names import Oid

_COPY_LIMIT = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A prepared worktree: where it is, the tree it was checked out at, and the one it had once prepared."""

    path: Path
    tree: Oid
    prepared: Oid


@contextmanager
def prepared(ctx: Context, commit: Oid) -> Iterator[Place]:
    """Give a worktree at `commit` with the configured files copied and set-up commands run.

    Raise WorkFailed when a set-up command fails; ConfigError for a file to copy that lies outside the repository.
    """
    settings = ctx.config.worktree
    untouched = not settings.copy and not settings.setup
    # without a key nothing that an earlier command left behind is kept
    key = "" if untouched else short_hash(repr((settings.setup, settings.copy)), digits=16)
    with ctx.pool.take(commit, setup_key=key) as worktree:
        tree = tree_of(ctx.repo.git, commit)
        for name in settings.copy:
            _copy_in(ctx, worktree.path, commit, name)
        if worktree.fresh:
            for argv in settings.setup:
                _set_up(ctx, worktree.path, argv)
        before = tree if untouched else snapshot_worktree(ctx.repo.git, worktree.path).tree
        yield Place(path=worktree.path, tree=tree, prepared=before)


def result_tree(ctx: Context, place: Place) -> Oid:
    """Return the tree of what stands in the worktree now, without what preparing it left there."""
    git = ctx.repo.git
    snapshot = snapshot_worktree(git, place.path)
    for name in snapshot.left_out:
        ctx.tell(f"{clean_line(name, limit=120)} is a repository of its own and was left out")
    after = snapshot.tree
    if place.prepared == place.tree:
        return after
    before: dict[str, bytes | None] = {}
    for change in numstat(git, place.tree, place.prepared):
        for path in {change.path, change.old_path or change.path}:
            before[path] = read_blob(git, place.tree, path)
    return edit_tree(git, after, before)


def run_in(
    ctx: Context, place: Path, argv: Sequence[str], *, env: Mapping[str, str], timeout: float | None
) -> Ran:
    """Run a command in a worktree; it may write there and nowhere else that is protected."""
    whole = {**_python_first(place, ctx.config.worktree.env), **ctx.config.worktree.env, **env}
    return ctx.processes.run(argv, cwd=place, env=whole, timeout=timeout, writable=[place])


def task_env(ctx: Context) -> dict[str, str]:
    """Return what every command of a task is told: SIXTH_TASK_ID, SIXTH_REPO and the fields of the event.

    SIXTH_INTENSITY, SIXTH_MIN_BUDGET and SIXTH_MAX_BUDGET are there when the issue gave them.
    """
    wishes = {
        "SIXTH_INTENSITY": ctx.task.intensity,
        "SIXTH_MIN_BUDGET": ctx.task.min_budget,
        "SIXTH_MAX_BUDGET": ctx.task.max_budget,
    }
    env = {
        "SIXTH_TASK_ID": ctx.task.id,
        "SIXTH_REPO": str(ctx.repo.top),
        "SIXTH_EVENT": ctx.event.kind,
        # what it makes git do to branches is told from what people do: see sources/causes.py
        "GIT_REFLOG_ACTION": f"sixthbot task {ctx.task.id}",
        **{name: env_value(value) for name, value in wishes.items() if value},
    }
    for name, value in ctx.event.fields.items():
        text = "\n".join(value) if isinstance(value, tuple) else str(value)
        env[f"SIXTH_EVENT_{name.upper()}"] = env_value(text)
    return env


def env_value(text: str, *, limit: int = 100_000) -> str:
    """Return `text` as an environment variable can carry it: without NUL characters, and not longer than the kernel takes."""
    return text.replace("\0", "").encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def how_it_ended(ran: Ran, *, limit: str) -> str:
    """Return in words how a program ended that did not end well, with the last line it printed."""
    last = next((line for line in reversed(ran.output.splitlines()) if line.strip()), "")
    said = f": {clean_line(last, limit=160)}" if last else ""
    if ran.timed_out:
        return f"was stopped after its time limit of {limit}{said}"
    return f"ended with exit status {ran.status}{said}"


def _set_up(ctx: Context, place: Path, argv: Sequence[str]) -> None:
    timeout = ctx.config.worktree.timeout.total_seconds()
    ran = run_in(ctx, place, argv, env=task_env(ctx), timeout=timeout)
    if not ran.ok:
        raise WorkFailed(
            f"worktree.setup: {clean_line(redact_command(argv), limit=80)} {how_it_ended(ran, limit=f'{timeout:.0f} s')}",
            hint="run it by hand in a fresh clone to see why",
        )


def _copy_in(ctx: Context, place: Path, commit: Oid, name: str) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or ".git" in relative.parts or not relative.parts:
        raise ConfigError(f"worktree.copy: {clean_line(name, limit=80)!r} is not a path below the repository")
    top = ctx.repo.top
    source, target = top / relative, place / relative
    if any(part.is_symlink() for part in (source, *_parents(source, top), *_parents(target, place))):
        raise ConfigError(f"worktree.copy: {clean_line(name, limit=80)!r} leads through a symbolic link")
    if not source.is_file() or source.stat().st_size > _COPY_LIMIT or target.is_dir():
        return
    if os.path.lexists(target):
        if any(entry.path == name for entry in list_tree(ctx.repo.git, commit)):
            return  # tracked, and so there already
        # an earlier command's, or an older copy: never written through, it may be a link to anywhere
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)


def _parents(path: Path, top: Path) -> list[Path]:
    return [parent for parent in path.parents if parent != top and parent.is_relative_to(top)]


def _python_first(place: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return a PYTHONPATH that finds this worktree's code before an editable install of the main tree's."""
    if not any((place / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        return {}
    folders = [str(place / "src")] if (place / "src").is_dir() else [str(place)]
    return {} if "PYTHONPATH" in env else {"PYTHONPATH": ":".join(folders)}
