"""The fixtures themselves: what other tests lean on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.fingerprint import fingerprint
from tests.support.repos import RepoDir, clone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clock import FixedClock


def test_a_repository_has_one_commit_and_no_identity(repo: RepoDir) -> None:
    assert repo.subjects("main") == ["chore: begin"]
    assert repo.try_git("config", "user.name").returncode == 1


def test_commits_have_the_same_ids_in_every_run(repo: RepoDir, tmp_path: Path) -> None:
    other = clone(repo, tmp_path / "other")
    assert repo.commit("one", {"a": "1\n"}) == other.commit("one", {"a": "1\n"})


def test_a_fingerprint_sees_one_byte_one_mode_and_one_time(repo: RepoDir) -> None:
    before = fingerprint(repo.path)
    assert fingerprint(repo.path) == before
    os.utime(repo.path / "README.md", ns=(1, 1))
    assert fingerprint(repo.path) != before
    before = fingerprint(repo.path)
    repo.git("config", "x.y", "z")
    assert {name for name, value in fingerprint(repo.path).items() if before.get(name) != value} == {
        "git config"
    }


def test_the_clock_moves_only_when_told(clock: FixedClock) -> None:
    first = clock.now()
    assert clock() == first
    assert (clock.advance(2.5) - first).total_seconds() == 2.5


def test_the_remote_has_main(repo: RepoDir, remote: RepoDir) -> None:
    assert remote.tip("main") == repo.head()
