"""Short ways to the git layer on a test's repository."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from sixthbot.core.names import Oid, parse_oid
from sixthbot.git.commits import Person
from sixthbot.git.run import Git
from sixthbot.git.worktrees import Pool

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.repos import RepoDir

BOT = Person("sixthbot", "sixthbot@localhost", 1_700_000_000)


def git_of(repo: RepoDir) -> Git:
    """Return the product's git on a repository, without syncs: tests cut no power."""
    return Git(repo.git_dir, durability="process")


def pool_of(repo: RepoDir, folder: Path) -> Pool:
    """Return a pool of worktrees below `folder`."""
    return Pool(git_of(repo), folder / "pool", serialise=nullcontext)


def oid(text: str) -> Oid:
    """Return an id that a test got from git."""
    return parse_oid(text)
