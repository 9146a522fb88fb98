from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NoRepository, Refused
from sixthbot.core.names import BranchName
from sixthbot.git.repository import Repository, open_repository
from tests.support.repos import RepoDir, clone, make_bare, make_repo

if TYPE_CHECKING:
    from pathlib import Path


def _open(repo: RepoDir) -> Repository:
    return open_repository(repo.path, repo.git_dir, durability="process")


def test_an_ordinary_repository_opens(repo: RepoDir) -> None:
    opened = _open(repo)
    assert (opened.top, opened.git_dir) == (repo.path, repo.path / ".git")
    assert not opened.shallow()
    assert opened.head_branch() == BranchName("main")
    assert opened.exec_settings() == b""


def test_a_bare_repository_and_none_are_refused(tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "bare.git")
    with pytest.raises(NoRepository, match="bare"):
        open_repository(bare.path, bare.path)
    (tmp_path / "none").mkdir()
    with pytest.raises(NoRepository):
        open_repository(tmp_path / "none", tmp_path / "none/.git")


def test_a_reftable_is_refused_with_a_way_out(repo: RepoDir) -> None:
    (repo.path / ".git/reftable").mkdir()
    with pytest.raises(Refused, match="reftable") as caught:
        _open(repo)
    assert "migrate" in caught.value.hint


def test_a_reftable_that_git_is_too_old_to_know_is_refused_alike(repo: RepoDir) -> None:
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("config", "extensions.refStorage", "reftable")
    with pytest.raises(Refused, match="reftable"):
        open_repository(repo.path, repo.path / ".git")


def test_somebody_else_s_repository_is_refused(
    repo: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # git's own way to pretend; the environment is cleaned of it, so it is handed on by a git that sets it
    real = shutil.which("git")
    other = tmp_path / "bin/git"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec "{real}" "$@"\n')
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Refused, match="another user") as caught:
        open_repository(repo.path, repo.path / ".git")
    assert "safe.directory" in caught.value.hint


def test_tracked_paths_below_a_folder_are_listed(repo: RepoDir) -> None:
    repo.write({".sixth/config.toml": "", ".sixth/queue/ready/x.json": "{}", ".sixthx": ""})
    repo.commit("tracks state")
    assert _open(repo).tracked_under(".sixth") == [".sixth/config.toml", ".sixth/queue/ready/x.json"]
    assert _open(repo).tracked_under("*") == []


def test_the_user_s_hooks_path_is_told_and_not_the_bot_s(repo: RepoDir, sealed: Path) -> None:
    assert _open(repo).hooks_setting() == ("", "")
    (sealed / "gitconfig").write_text("[core]\n\thooksPath = /global/hooks\n")
    assert _open(repo).hooks_setting() == ("global", "/global/hooks")
    repo.git("config", "core.hooksPath", ".husky")
    assert _open(repo).hooks_setting() == ("local", ".husky")


def test_the_default_branch_is_what_the_remote_says(repo: RepoDir, remote: RepoDir, tmp_path: Path) -> None:
    repo.git("push", "-q", "origin", "main:trunk")
    remote.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    other = clone(remote, tmp_path / "other")
    other.git("checkout", "-q", "-b", "main")
    assert _open(other).default_branch() == BranchName("trunk")


def test_the_default_branch_without_a_remote(repo: RepoDir, sealed: Path) -> None:
    assert _open(repo).default_branch() == BranchName("main")
    repo.git("branch", "-m", "main", "master")
    assert _open(repo).default_branch() == BranchName("master")
    repo.git("branch", "-m", "master", "own")
    assert _open(repo).default_branch() == BranchName("own")
    repo.git("branch", "dev")
    (sealed / "gitconfig").write_text("[init]\n\tdefaultBranch = dev\n")
    assert _open(repo).default_branch() == BranchName("dev")
    repo.git("checkout", "-q", "--detach")
    assert _open(repo).head_branch() is None
    (sealed / "gitconfig").write_text("[init]\n\tdefaultBranch = ../evil\n")
    assert _open(repo).default_branch() is None


def test_a_repository_without_commits_has_a_head_branch_and_no_default(tmp_path: Path) -> None:
    empty = make_repo(tmp_path / "empty", first_commit=False)
    opened = _open(empty)
    assert opened.head_branch() == BranchName("main")
    assert opened.default_branch() is None
    assert opened.tracked_under(".sixth") == []


def test_a_shallow_clone_says_so(repo: RepoDir, tmp_path: Path) -> None:
    repo.commit("two", {"a": "1"})
    target = tmp_path / "shallow"
    RepoDir(tmp_path).git("clone", "-q", "--depth=1", f"file://{repo.path}", str(target))
    assert _open(RepoDir(target)).shallow()


def test_a_linked_worktree_and_a_submodule_open_by_their_git_directory(repo: RepoDir, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "-q", "-b", "side", str(linked))
    assert open_repository(repo.path, RepoDir(linked).git_dir).head_branch() == BranchName("main")
    library = make_repo(tmp_path / "library")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "sub")
    sub = RepoDir(repo.path / "sub")
    assert sub.git_dir == repo.path / ".git/modules/sub"
    assert _open(sub).default_branch() == BranchName("main")
