"""What of a repository is the user's, as hashes: equal before and after means that nothing of it was touched."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path

# of the git directory: what the bot may write, and what git itself writes for objects and refs
_OURS = ("objects", "refs", "logs", "worktrees", "modules", "sixth", "packed-refs", "lost-found")
_OUR_FILES = ("info/exclude", "info/refs")


def fingerprint(path: Path) -> dict[str, str]:
    """Return a hash per thing of the user's in the work tree at `path`, by name.

    Covered, to the byte: HEAD, the index, the state of a rebase or merge, config, hooks, attributes and every other
    file of the git directory; the stash and its history; every file, folder and link of the work tree with content,
    mode and time of change. Left out: `.sixth`, `info/exclude`, objects, refs and other worktrees' folders.
    """
    repo = RepoDir(path)
    git_dir = path / repo.git("rev-parse", "--absolute-git-dir")
    common = repo.git_dir
    found = {"stash": repo.tip("refs/stash"), "HEAD id": repo.tip("HEAD")}
    for top in {git_dir, common}:
        label = "git" if top == git_dir else "common"
        _walk(top, label, found, skip=_OURS)
    stash_log = common / "logs/refs/stash"
    found["stash log"] = _content(stash_log) if stash_log.exists() else ""
    head_log = git_dir / "logs/HEAD"
    found["HEAD log"] = _content(head_log) if head_log.exists() else ""
    _walk(path, "tree", found, skip=(".git", ".sixth"))
    return found


def _walk(top: Path, label: str, found: dict[str, str], *, skip: tuple[str, ...]) -> None:
    for folder, folders, files in os.walk(top):
        here = os.path.relpath(folder, top)
        if here == ".":
            folders[:] = [name for name in folders if name not in skip]
        for name in (*files, *folders):
            relative = name if here == "." else f"{here}/{name}"
            if (here == "." and name in skip) or (label != "tree" and relative in _OUR_FILES):
                continue
            found[f"{label} {relative}"] = _content(top / relative)


def _content(path: Path) -> str:
    state = path.lstat()
    kind = stat.S_IFMT(state.st_mode)
    if stat.S_ISLNK(kind):
        return f"link {path.readlink()} {state.st_mtime_ns}"
    if stat.S_ISREG(kind):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"file {stat.S_IMODE(state.st_mode):o} {state.st_mtime_ns} {digest}"
    # a folder's time changes with files that come and go in it; both of those are seen by themselves
    return f"other {kind:o} {stat.S_IMODE(state.st_mode):o}"
