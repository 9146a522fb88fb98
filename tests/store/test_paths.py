from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sixthbot.core.errors import NoRepository, Refused
from sixthbot.store.home import require_initialised
from sixthbot.store.paths import Places, locate
from sixthbot.store.setup import initialise
from tests.store.support import home
from tests.support.repos import RepoDir, make_bare, make_repo

if TYPE_CHECKING:
    from pathlib import Path


def test_the_repository_is_found_from_any_folder_in_it(repo: RepoDir) -> None:
    deep = repo.path / "a" / "b"
    deep.mkdir(parents=True)
    for start in (repo.path, deep):
        assert locate(start) == Places(repo.path, repo.path / ".git")


def test_places_are_values_that_never_change(repo: RepoDir) -> None:
    places, same = locate(repo.path), Places(str(repo.path), str(repo.path / ".git"))
    assert places == same
    assert {places, same} == {places}
    assert places != Places(repo.path, repo.path / "other")
    assert eval(repr(places)) == places  # noqa: S307 - of our own making
    assert (places.top, places.git_dir) == (repo.path, repo.path / ".git")
    assert places.sixth == repo.path / ".sixth"
    assert places.home == str(places.sixth)
    for name in ("top", "_top", "new"):
        with pytest.raises(AttributeError):
            setattr(places, name, repo.path)


def test_a_linked_work_tree_leads_to_the_main_one(repo: RepoDir, tmp_path: Path) -> None:
    linked = tmp_path / "linked tree"
    repo.git("worktree", "add", "-q", "--detach", str(linked))
    (linked / "deep").mkdir()
    assert locate(linked / "deep") == Places(repo.path, repo.path / ".git")


def test_a_submodule_is_a_repository_of_its_own_also_from_its_linked_work_tree(
    repo: RepoDir, tmp_path: Path
) -> None:
    inner = make_repo(tmp_path / "inner")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "sub")
    git_dir = repo.path / ".git" / "modules" / "sub"
    expected = Places(repo.path / "sub", git_dir)
    assert locate(repo.path / "sub") == expected
    RepoDir(repo.path / "sub").git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert locate(tmp_path / "linked") == expected


def test_a_separate_git_dir_is_followed(tmp_path: Path) -> None:
    top, git_dir = tmp_path / "top", tmp_path / "elsewhere.git"
    top.mkdir()
    RepoDir(top).git("init", "-q", f"--separate-git-dir={git_dir}")
    assert locate(top) == Places(top, git_dir)
    repo = RepoDir(top)
    repo.commit("one", {"a": "a"})
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    # git itself does not record where the main work tree of such a repository is
    with pytest.raises(NoRepository, match="cannot tell where the main work tree"):
        locate(tmp_path / "linked")


def test_bare_repositories_and_git_directories_are_refused(repo: RepoDir, tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "bare.git")
    for start in (bare.path, bare.path / "refs", repo.path / ".git", repo.path / ".git" / "refs"):
        with pytest.raises(NoRepository):
            locate(start)


def test_a_work_tree_of_a_bare_repository_is_refused(repo: RepoDir, tmp_path: Path) -> None:
    bare = RepoDir(tmp_path / "bare.git")
    repo.git("clone", "-q", "--bare", str(repo.path), str(bare.path))
    bare.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    with pytest.raises(NoRepository, match="bare"):
        locate(tmp_path / "linked")


def test_no_repository_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="no git repository"):
        locate(tmp_path)
    with pytest.raises(NoRepository, match="no such folder"):
        locate(tmp_path / "missing")


def test_git_variables_of_a_hook_do_not_mislead(
    repo: RepoDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(make_repo(tmp_path / "other").path / ".git"))
    assert locate(repo.path).top == repo.path


def test_a_repository_without_init_is_not_initialised(repo: RepoDir) -> None:
    places = locate(repo.path)
    with pytest.raises(NoRepository, match="not initialised"):
        require_initialised(places)
    initialise(places)
    require_initialised(places)


@pytest.mark.parametrize(
    "name", ["", "queue", "queue/ready/high", "inbox", "drafts", "local", "rules", "config.toml"]
)
def test_a_component_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    places = home(tmp_path / "top")
    path = places.sixth / name
    path.rename(tmp_path / "away")
    path.symlink_to(tmp_path / "away")
    with pytest.raises(Refused, match="symbolic link"):
        require_initialised(places)
    with pytest.raises(Refused, match="symbolic link"):
        initialise(places)


def test_places_outside_the_repository_depend_on_its_path(tmp_path: Path, sealed: Path) -> None:
    one, two = home(tmp_path / "one"), home(tmp_path / "two")
    assert one.data_dir != two.data_dir
    assert one.data_dir.is_relative_to(sealed)
    assert one.pool_dir.is_relative_to(sealed)
    assert one.data_dir.parent.name == "sixthbot"


def test_a_relative_xdg_folder_is_ignored(
    tmp_path: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert home(tmp_path / "one").data_dir.is_relative_to(sealed / ".local" / "share")
    assert not os.path.lexists("relative")
