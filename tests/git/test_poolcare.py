from __future__ import annotations

import time
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING

import pytest

from sixthbot.git.poolcare import empty_trash, reap, survey
from tests.git.helpers import git_of, oid, pool_of
from tests.support.repos import RepoDir

if TYPE_CHECKING:
    from pathlib import Path

    from sixthbot.git.poolcare import Slot


def _used(repo: RepoDir, folder: Path, files: dict[str, str], *, broken_off: bool = False) -> Path:
    """Use a worktree once, leave files in it, and return where it is."""
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        worktree = stack.enter_context(pool_of(repo, folder).take(oid(repo.head())))
        place = worktree.path
        RepoDir(place).write(dict(files))
        if broken_off:
            raise KeyboardInterrupt
    return place


def _look(repo: RepoDir, folder: Path, *, keep: float = -1) -> list[Slot]:
    return survey(git_of(repo), folder / "pool", keep=keep, now=time.time())


def _reap(repo: RepoDir, folder: Path) -> list[Slot]:
    return reap(git_of(repo), folder / "pool", keep=-1, now=time.time(), serialise=nullcontext)


def test_one_that_nobody_used_for_long_goes_and_is_made_anew(repo: RepoDir, tmp_path: Path) -> None:
    place = _used(repo, tmp_path, {"made": "by a command, and committed from here\n"})
    assert [slot.why for slot in _look(repo, tmp_path, keep=3600)] == ["used lately"]
    assert [slot.path for slot in _reap(repo, tmp_path)] == [place]
    assert not place.exists()
    assert str(place) not in repo.git("worktree", "list")
    assert [path.name.partition("-")[0] for path in (tmp_path / "pool").iterdir() if path.is_dir()] == [
        "trash"
    ]
    assert empty_trash(tmp_path / "pool") == 1
    assert [path.name for path in (tmp_path / "pool").iterdir()] == ["w1.lock"]
    assert _used(repo, tmp_path, {}) == place


def test_one_in_use_stays(repo: RepoDir, tmp_path: Path) -> None:
    with pool_of(repo, tmp_path).take(oid(repo.head())) as worktree:
        assert [slot.why for slot in _look(repo, tmp_path)] == ["in use"]
        assert _reap(repo, tmp_path) == []
        assert worktree.path.exists()


@pytest.mark.parametrize("files", [{"new": "1\n"}, {"README.md": "changed\n"}])
def test_one_that_was_broken_off_with_something_in_it_stays(
    repo: RepoDir, tmp_path: Path, files: dict[str, str]
) -> None:
    place = _used(repo, tmp_path, files, broken_off=True)
    [slot] = _look(repo, tmp_path)
    assert "broken off" in slot.why
    assert next(iter(files)) in slot.why
    assert _reap(repo, tmp_path) == []
    assert place.exists()


def test_one_that_was_broken_off_with_nothing_in_it_but_ignored_files_goes(
    repo: RepoDir, tmp_path: Path
) -> None:
    repo.commit("ignore", {".gitignore": "*.log\n"})
    _used(repo, tmp_path, {"a.log": "1\n"}, broken_off=True)
    assert len(_reap(repo, tmp_path)) == 1


def test_one_with_a_commit_that_is_on_no_branch_stays_until_it_is_on_one(
    repo: RepoDir, tmp_path: Path
) -> None:
    place = _used(repo, tmp_path, {})
    made = RepoDir(place).commit("by hand", {"hand": "1\n"})
    [slot] = _look(repo, tmp_path)
    assert slot.why == f"holds commits that are on no branch, up to {made[:12]}"
    repo.git("branch", "saved", made)
    assert len(_reap(repo, tmp_path)) == 1


def test_no_pool_is_nothing_to_do(repo: RepoDir, tmp_path: Path) -> None:
    assert _look(repo, tmp_path) == _reap(repo, tmp_path) == []
    assert empty_trash(tmp_path / "pool") == 0
