"""Which of the bot's worktrees nobody needs any more, and how they go; one that holds anything unsaved stays."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sixthbot.core.errors import GitFailed
from sixthbot.core.names import Oid
from sixthbot.git.refs import holders
from sixthbot.git.run import admin_dir, entries
from sixthbot.git.scratch import remove_tree
from sixthbot.git.trees import pristine_commit, pristine_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sixthbot.git.run import Git

SLOT = re.compile(r"w[0-9]{1,4}")
USUAL = ("in use", "used lately")
"""Reasons to stay that say nothing about what is in it."""
_TRASH = "trash-"


@dataclass(frozen=True, slots=True)
class Slot:
    """One worktree of the pool: for how many seconds nobody used it, and why it stays; `why` is empty where it may go."""

    path: Path
    idle: float
    why: str


def key_file(path: Path) -> Path:
    """Return where a worktree keeps what it was set up for; it is there only after a use that ended well."""
    return path.with_name(path.name + ".key")


def survey(git: Git, pool_dir: Path, *, keep: float, now: float) -> list[Slot]:
    """Return the worktrees of a pool and whether each may go: unused for `keep` seconds and with nothing unsaved in it.

    `now` is in seconds of the epoch. Nothing is changed.
    """
    found = []
    for path in entries(pool_dir):
        if SLOT.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with _held(path) as held:
                found.append(_judged(git, path, keep=keep, now=now) if held else Slot(path, 0, USUAL[0]))
    return found


def reap(
    git: Git,
    pool_dir: Path,
    *,
    keep: float,
    now: float,
    serialise: Callable[[], AbstractContextManager[object]],
) -> list[Slot]:
    """Take away the worktrees that may go; return them. Their folders are only moved aside: see `empty_trash`."""
    gone = []
    for slot in survey(git, pool_dir, keep=keep, now=now):
        if slot.why:
            continue
        with _held(slot.path) as held:
            # looked at again: somebody may have used it between
            if not held or _judged(git, slot.path, keep=keep, now=now).why:
                continue
            slot.path.rename(slot.path.with_name(f"{_TRASH}{slot.path.name}-{os.getpid()}-{int(now * 1000)}"))
            for beside in (key_file(slot.path), pristine_index(slot.path), pristine_commit(slot.path)):
                beside.unlink(missing_ok=True)
            with serialise():
                git.run("worktree", "remove", "--force", "--force", str(slot.path), check=False)
            gone.append(slot)
    return gone


def empty_trash(pool_dir: Path) -> int:
    """Delete what `reap` moved aside, in this process or an earlier one; return how many folders. Takes its time."""
    emptied = 0
    for path in entries(pool_dir):
        if path.name.startswith(_TRASH):
            with suppress(OSError):  # another process is at it
                remove_tree(path)
                emptied += 1
    return emptied


def _judged(git: Git, path: Path, *, keep: float, now: float) -> Slot:
    idle = max(0.0, now - _last_used(path))
    if idle < keep:
        return Slot(path, idle, USUAL[1])
    try:
        return Slot(path, idle, _unsaved(git, path))
    except (GitFailed, OSError) as error:
        return Slot(path, idle, f"cannot be looked at: {error}")


def _unsaved(git: Git, path: Path) -> str:
    """Return what a worktree holds that is nowhere else, empty where there is nothing.

    A use that ended well was followed to its end: what a command changed is in a commit by then. Where one was broken
    off, whatever differs from the commit that was checked out may be somebody's. Ignored files are nobody's.
    """
    if admin_dir(git.git_dir, path) is None:
        raise GitFailed("git does not know it any more")
    head = git.run("rev-parse", "--verify", "HEAD", cwd=path).text.strip()
    try:
        began = pristine_commit(path).read_text("utf-8").strip()
    except FileNotFoundError:
        began = ""
    if head != began and not holders(git, Oid(head), "refs/"):
        return f"holds commits that are on no branch, up to {head[:12]}"
    if key_file(path).exists():
        return ""
    done = git.run("status", "--porcelain", "-z", "--untracked-files=normal", cwd=path)
    changed = [line[3:] for line in done.text.split("\0") if line]
    return f"holds changes of a use that was broken off: {', '.join(changed[:3])}" if changed else ""


def _last_used(path: Path) -> float:
    for beside in (key_file(path), pristine_commit(path), path):
        with suppress(OSError):
            return beside.stat().st_mtime
    return 0.0


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold a worktree as its users do; give whether it was free."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
