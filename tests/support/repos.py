"""Repositories for tests, driven by the real git as a person would."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EPOCH = 1_700_000_000


class GitSaidNo(AssertionError):
    """A git command of a test failed; the message has what it said."""


@dataclass(frozen=True)
class RepoDir:
    """A repository's folder. Commits of a test are by Ada, a minute apart, so that ids repeat from run to run."""

    path: Path

    def git(self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None) -> str:
        """Run git in the repository and return its stripped output; raise GitSaidNo when it fails."""
        done = self.try_git(*args, stdin=stdin, env=env)
        if done.returncode:
            raise GitSaidNo(f"git {' '.join(args)}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def try_git(
        self, *args: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run git in the repository, whatever it answers."""
        person = {
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
        }  # fmt: skip
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            input=stdin,
            env={**os.environ, **person, **(env or {})},
            capture_output=True,
            check=False,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files of the work tree; None removes one."""
        for name, content in files.items():
            place = self.path / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(
        self, message: str, files: Mapping[str, str | bytes | None] | None = None, *, date: int | None = None
    ) -> str:
        """Write `files`, commit everything and return the new commit's id; `date` is in seconds of the epoch."""
        self.write(files or {})
        self.git("add", "--all")
        if date is None:
            count = (
                self.try_git("rev-list", "--count", "--exclude=refs/sixth/*", "--all").stdout.strip() or "0"
            )
            date = _EPOCH + 60 * int(count)
        stamp = f"{date} +0000"
        dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
        self.git("commit", "--quiet", "--allow-empty", "--file=-", stdin=message, env=dates)
        return self.head()

    def head(self) -> str:
        """Return the id of the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def tip(self, name: str) -> str:
        """Return the id a name stands for, or an empty string."""
        return self.try_git("rev-parse", "--verify", "--quiet", name).stdout.strip()

    def show(self, revision: str, path: str) -> str:
        """Return a file's text at a revision."""
        return self.try_git("show", f"{revision}:{path}").stdout

    def subjects(self, revisions: str) -> list[str]:
        """Return the subjects of a range of commits, oldest first."""
        return self.git("log", "--reverse", "--format=%s", revisions).splitlines()

    @property
    def git_dir(self) -> Path:
        """The directory that all worktrees share."""
        common = self.git("rev-parse", "--path-format=absolute", "--git-common-dir")
        return type(self.path)(common)


def make_repo(path: Path, *, first_commit: bool = True) -> RepoDir:
    """Make a repository on branch `main`, with a README committed unless told otherwise."""
    path.mkdir(parents=True)
    repo = RepoDir(path)
    repo.git("init", "--quiet", "--initial-branch=main")
    if first_commit:
        repo.commit("chore: begin", {"README.md": "# A small thing\n"})
    return repo


def make_bare(path: Path) -> RepoDir:
    """Make a bare repository whose HEAD is `main`."""
    path.mkdir(parents=True)
    repo = RepoDir(path)
    repo.git("init", "--quiet", "--bare", "--initial-branch=main")
    return repo


def push_to(repo: RepoDir, bare: RepoDir) -> RepoDir:
    """Let a repository know a bare one as `origin`, push `main` to it as its upstream, and return the bare one."""
    repo.git("remote", "add", "origin", str(bare.path))
    repo.git("push", "--quiet", "--set-upstream", "origin", "main")
    return bare


def clone(source: RepoDir, path: Path, *options: str) -> RepoDir:
    """Clone a repository as another person would have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    RepoDir(path.parent).git("clone", "--quiet", *options, str(source.path), str(path))
    return RepoDir(path)
