"""The default branch, asked of git again only when something it follows from has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.core.names import BranchName
    from sixthbot.git.repository import Repository

_Stamp = tuple[int, int, int] | None


class DefaultBranch:
    """Remembers the default branch of one repository: finding it takes git half a dozen calls."""

    def __init__(self) -> None:
        self._known: tuple[tuple[object, ...], BranchName | None] | None = None

    def of(self, repo: Repository, *, came_or_went: bool) -> BranchName | None:
        """Return it as it is now; `came_or_went` says that a branch may have been made or deleted since the last call.

        It is asked for anew then, and when HEAD, git's settings or what is known of remotes changed. Settings outside
        of the repository are read again with these.
        """
        mark = _mark(repo.git_dir)
        if self._known is None or came_or_went or self._known[0] != mark:
            self._known = (mark, repo.default_branch())
        return self._known[1]


def _mark(git_dir: Path) -> tuple[object, ...]:
    remotes = git_dir / "refs" / "remotes"
    try:
        names = sorted(os.listdir(remotes))  # noqa: PTH208 - names alone
    except OSError:
        names = []
    heads = [remotes / name / "HEAD" for name in names]
    return (
        *names,
        *(_stamp(path) for path in (git_dir / "HEAD", git_dir / "config", git_dir / "packed-refs", *heads)),
    )


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
